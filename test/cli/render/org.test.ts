import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestTable } from '../../../src/cli/render/request.ts'
import { requestLines } from '../../../src/cli/render/request-list.ts'
import { waitingSentences } from '../../../src/cli/render/waiting.ts'
import type { RequestProgress, RequestView } from '../../../src/producer/producer.ts'
import { orgWaiting, pauses } from '../../../src/shared/store/waiting.ts'
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

const emea = { org: 'emea', embedded: false }

test('an org with a worker and no pause holds nothing', () => {
  assert.deepEqual(orgWaiting({ workers: 1, pause: { operator: null, fault: null } }), [])
})

test('what holds the requests of an org is told, since when, and what ends it', () => {
  const waiting = orgWaiting({ workers: 0, pause: { operator, fault } })
  assert.deepEqual(waitingSentences(waiting, emea), [
    'No worker is running for org "emea". To start one: expunge worker. A worker that cannot log in does ' +
      'not count; its log says why.',
    'Org "emea" is paused by an operator since 2026-11-23 22:00:00 UTC: no new ingest job starts, ' +
      'running ones continue. To resume: expunge resume --org emea',
    'Org "emea" is paused, because Salesforce refuses the login: 3 failed attempts since ' +
      '2026-11-23 22:00:00 UTC, next attempt at 2026-11-23 22:00:40 UTC. Check SALESFORCE_CLIENT_SECRET.',
  ])
  const aborting = pauses({ operator: { ...operator, abort: true }, fault: null })
  assert.match(waitingSentences(aborting, emea)[0] ?? '', /running ones are aborted/)
})

test('on this machine only the own run of a request continues it', () => {
  const [noRun] = waitingSentences([{ reason: 'no-worker' }], {
    ...{ org: 'default', embedded: true, id: 'gdpr-1', results: '/tmp/my results' },
  })
  assert.equal(
    noRun,
    "No `run` is active for it. To continue, run its own command again, with --id gdpr-1 --results '/tmp/my results'.",
  )
})

test('an interrupted retry names the command that continues it', () => {
  const [noCommand] = waitingSentences([{ reason: 'no-worker' }], {
    ...{ org: 'emea', embedded: true, id: 'gdpr-1-retry-1', retryOf: 'gdpr-1', results: '/tmp/r' },
  })
  assert.equal(
    noCommand,
    'No command is active for it. To continue: expunge retry gdpr-1 --as gdpr-1-retry-1 --org emea --results /tmp/r',
  )
})

const PROGRESS: RequestProgress = {
  outcome: { deleted: 99_900, alreadyGone: 0, failed: 0, unprocessed: 0 },
  ...{ running: 0, chunksOpen: 1, retries: [], expectedEnd: null },
}
const deleting: RequestView = {
  ...{ id: 'gdpr-1', org: 'default', status: 'deleting', stopping: null, waiting: [] },
  ...{ submittedAt: '2026-11-23T22:00:00.000Z', submittedBy: null },
  ...{ request, content: null, approvedBy: null, cancelledBy: null, plan, receipt: null },
  ...{ prioritizedBy: null, objectRecords: null, preflight: null, cost: null, keptPlan: null },
  ...{ appliesPlanOf: null, progress: PROGRESS },
}

test('a request shows that it is paused, and that it is being cancelled', () => {
  const view = { ...deleting, stopping: 'cancelled' } as const
  const table = requestTable(view, plain, { waiting: ['Org "default" is paused.'] })
  assert.match(table, /^ +Status +deleting, 10 % of 999,000, being cancelled …\n +Waiting +Org "/m)
  assert.match(requestLines([view], plain, null), /deleting, 10 % of 999,000, being cancelled …/)
  const moving = requestTable({ ...view, stopping: null }, plain)
  assert.doesNotMatch(moving, /cancelled|Waiting|Expected end/)
})

test('a deletion tells when it is expected to end', () => {
  const progress = { ...PROGRESS, expectedEnd: '2026-11-23T23:30:00.000Z' }
  const table = requestTable({ ...deleting, progress }, plain)
  assert.match(table, /^ +Expected end +2026-11-23 23:30:00 UTC, at the average rate so far$/m)
})
