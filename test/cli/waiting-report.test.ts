import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitingReporter } from '../../src/cli/waiting-report.ts'
import type { Waiting } from '../../src/shared/store/waiting.ts'

const AT = '2026-11-23T22:00:00.000Z'

function reporting(isOwnWork: boolean) {
  const said: string[] = []
  const screen = {
    say: (text: string) => said.push(text),
    warn: (text: string) => said.push(`! ${text}`),
  }
  const report = waitingReporter(screen, { org: 'emea', embedded: false, id: 'x' }, isOwnWork)
  return (...waiting: readonly Waiting[]) => {
    said.length = 0
    report({ waiting, status: 'deleting' })
    return [...said]
  }
}

const fault = (failures: number, message = 'No route.'): Waiting => ({
  ...{ reason: 'fault', fault: 'outage', message, failures, since: AT, nextTryAt: AT },
})

test('each failed attempt of a fault is reported, its message once, and its end', () => {
  const see = reporting(true)
  assert.deepEqual(see(), [])
  assert.match(
    see(fault(1)).join(),
    /^! Org "emea" is paused, because Salesforce is unavailable: 1 /,
  )
  assert.deepEqual(see(fault(1)), [])
  assert.deepEqual(see(fault(2)), ['! Attempt 2 failed; next attempt at 2026-11-23 22:00:00 UTC.'])
  assert.match(see(fault(3, 'The name is unknown.')).join(), /3 failed attempts .* unknown\.$/)
  assert.match(see().join(), /^Connected again after \d/)
})

test('a line is reported once, however it moves', () => {
  const see = reporting(true)
  const line = { reason: 'places', work: 'ingest', taken: 10, limit: 10 } as const
  const heldBy = ['purge', 'b', 'c', 'd', 'e'].map((id, at) => ({ id, places: at === 0 ? 6 : 1 }))
  assert.deepEqual(see({ ...line, ahead: 1200, heldBy }), [
    'All ingest job slots are in use: 10 of 10 (6 by purge, 1 by b, 1 by c and 2 more requests). 1,200 ingest jobs are ahead of it.',
  ])
  assert.deepEqual(see({ ...line, ahead: 0, heldBy }), [])
  assert.deepEqual(see(), [])
  assert.deepEqual(see({ ...line, work: 'plan', limit: null, taken: 1, ahead: 0, heldBy: [] }), [
    'Workers are planning 1 other request. It is next.',
  ])
})

test('a missing worker is reported until one is there, but not where this process is one', () => {
  const see = reporting(false)
  assert.match(see({ reason: 'no-worker' }).join(), /^! No worker is running for org "emea"/)
  assert.deepEqual(see({ reason: 'no-worker' }), [])
  assert.deepEqual(see({ reason: 'approval' }), [
    '! Its plan waits for approval: expunge approve x --org emea',
    'A worker is running now.',
  ])
  assert.deepEqual(see({ reason: 'paused', since: AT, abort: false }).length, 1)
  assert.deepEqual(see(), ['Org "emea" is resumed.'])
  assert.deepEqual(reporting(true)({ reason: 'no-worker' }), [])
})
