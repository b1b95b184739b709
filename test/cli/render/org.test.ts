import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseSentences } from '../../../src/cli/render/org.ts'
import { requestLines, requestTable } from '../../../src/cli/render/request.ts'
import type { RequestView } from '../../../src/producer/producer.ts'
import { plain } from '../plain.ts'
import { plan, request } from './fixtures.ts'

const since = Date.parse('2026-11-23T22:00:00Z')
const operator = { abort: false, since }
const fault = {
  reason: 'login',
  message: 'Check SALESFORCE_CLIENT_SECRET.',
  failures: 3,
  since,
  until: since + 40_000,
} as const

test('an org that is not paused has nothing said of it', () => {
  assert.deepEqual(pauseSentences('default', { operator: null, fault: null }), [])
})

test('who pauses an org is told, since when, and what ends it', () => {
  assert.deepEqual(pauseSentences('emea', { operator, fault }), [
    'Org "emea" is paused by an operator since 2026-11-23 22:00:00 UTC: no new ingest job starts, ' +
      'those at work go on to their end. To go on: expunge resume --org emea',
    'Org "emea" is paused by a fault (login) since 2026-11-23 22:00:00 UTC, 3 failures in a row; ' +
      'tried again at 2026-11-23 22:00:40 UTC. Check SALESFORCE_CLIENT_SECRET.',
  ])
  const [aborting] = pauseSentences('x', { operator: { ...operator, abort: true }, fault: null })
  assert.match(aborting ?? '', /those at work are aborted/)
})

test('a request shows that it is paused, and that it is being cancelled', () => {
  const view: RequestView = {
    ...{ id: 'gdpr-1', org: 'default', status: 'deleting', stopping: 'cancelled' },
    ...{ submittedAt: '2026-11-23T22:00:00.000Z', submittedBy: null },
    ...{ request, content: null, approvedBy: null, cancelledBy: null, plan, receipt: null },
    progress: {
      outcome: { deleted: 99_900, alreadyGone: 0, failed: 0, unprocessed: 0 },
      ...{ running: 0, chunksOpen: 1 },
    },
  }
  const table = requestTable(view, plain, { pauses: ['Org "default" is paused.'] })
  assert.match(table, /^ +Status +deleting, 10 % of 999,000, being cancelled …\n +Paused +Org "/m)
  assert.match(requestLines([view], plain), /deleting, 10 % of 999,000, being cancelled …/)
  assert.doesNotMatch(requestTable({ ...view, stopping: null }, plain), /cancelled|Paused/)
})
