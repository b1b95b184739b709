import { after, describe, test } from 'node:test'
import type { CallAction, CallFault } from '../../../src/sandbox/sandbox.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import {
  assertWorldIsWell,
  FAULTS,
  type FaultCase,
  meetUnharmed,
  startFaultWorld,
  timesOf,
} from './fault-cases.ts'

/** Faults of the login and of the port meet every request of the org, so one at a time. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const expired: CallFault = { on: 'create', action: { do: 'expireTokens' } }
const LOGIN_TRIES = 4

const REFUSED: CallAction = {
  ...{ do: 'answer', status: 400, contentType: 'application/json' },
  text: '{"error":"invalid_client","error_description":"invalid client credentials"}',
}

const LOGINS: readonly FaultCase[] = Object.entries({
  ...FAULTS,
  'answers 400 invalid_client': REFUSED,
}).map(([fault, action]) => ({
  title: `the login ${fault}`,
  faults: [expired, { on: 'token', times: timesOf(action, LOGIN_TRIES), action }],
}))

const doubtful: CallFault = { on: 'upload', action: { do: 'reset', when: 'after' } }

/** Each call of the life, and what leads to it where an undisturbed job does not make it. */
const CALLS: readonly (readonly [on: CallFault['on'], ...before: CallFault[]])[] = [
  ['token', expired],
  ['create'],
  ['upload'],
  ['close'],
  ['get'],
  ['abort', doubtful],
  ['failedResults'],
  ['successfulResults'],
]

const OUTAGES: readonly FaultCase[] = CALLS.map(([on, ...before]) => ({
  title: `nobody listens from the moment of ${on}`,
  faults: [...before, { on, action: { do: 'outage', ms: 80 } }],
}))

const CASES = [...LOGINS, ...OUTAGES]

const world = await startFaultWorld(scope, redis, CASES)
// With every deleted id written down, successfulResults is asked for as well.
await world.startWorker({ audit: { keepDeleted: true } })

describe('a request is accounted for to the last id when', () => {
  for (const [index, one] of CASES.entries()) {
    test(one.title, async () => {
      await meetUnharmed(world, index, one)
    })
  }
  test('everything of that is over, in order', () => assertWorldIsWell(world, CASES))
})
