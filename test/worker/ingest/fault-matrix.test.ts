import { after, describe, test } from 'node:test'
import type { CallFault } from '../../../src/sandbox/sandbox.ts'
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

/**
 * Every call of an ingest job's life, each with every fault that a call may meet. A fault of the org
 * costs the request time and nothing else.
 */

type On = CallFault['on']

/** GETs are tried four times by the client itself before the life cycle learns of a fault. */
const SAFE = 4

interface CallOfLife {
  readonly on: On
  readonly triesOfClient: number
  /** What leads to this call, where an undisturbed job does not make it. */
  readonly before?: readonly CallFault[]
}

const doubtfulUpload: CallFault = { on: 'upload', action: { do: 'reset', when: 'after' } }
const doubtfulClose: CallFault = { on: 'close', action: { do: 'reset', when: 'after' } }

const CALLS: Readonly<Record<string, CallOfLife>> = {
  create: { on: 'create', triesOfClient: 1 },
  upload: { on: 'upload', triesOfClient: 1 },
  close: { on: 'close', triesOfClient: 1 },
  'a poll': { on: 'get', triesOfClient: SAFE },
  'the look at a doubtful upload': { on: 'get', triesOfClient: SAFE, before: [doubtfulUpload] },
  'the abort of a doubtful upload': { on: 'abort', triesOfClient: 1, before: [doubtfulUpload] },
  'the look at a doubtful close': { on: 'get', triesOfClient: SAFE, before: [doubtfulClose] },
  failedResults: { on: 'failedResults', triesOfClient: SAFE },
}

/** It is asked for only where every deleted id is to be written down, or counts do not add up. */
const SUCCESSES: Readonly<Record<string, CallOfLife>> = {
  successfulResults: { on: 'successfulResults', triesOfClient: SAFE },
}

function cross(calls: Readonly<Record<string, CallOfLife>>): FaultCase[] {
  return Object.entries(calls).flatMap(([call, { on, triesOfClient, before = [] }]) =>
    Object.entries(FAULTS).map(([fault, action]) => ({
      title: `${call} ${fault}`,
      faults: [...before, { on, times: timesOf(action, triesOfClient), action }],
    })),
  )
}

/** What no single fault of a single call is. */
const TOGETHER: readonly FaultCase[] = [
  {
    title: 'the token is refused in the middle of the upload',
    faults: [
      {
        on: 'upload',
        times: 2,
        action: { do: 'answer', status: 401, errorCode: 'INVALID_SESSION_ID', afterBytes: 100 },
      },
    ],
  },
  {
    title: 'the token expires while a result file comes in, which then breaks off',
    faults: [
      { on: 'failedResults', nth: 1, action: { do: 'reset', when: 'during', afterBytes: 60 } },
      { on: 'failedResults', nth: 2, action: { do: 'expireTokens' } },
    ],
  },
  {
    title: 'every call fails once',
    faults: (['create', 'upload', 'close', 'get', 'failedResults'] as const).map((on) => ({
      ...{ on, action: { do: 'reset', when: 'after' } },
    })),
  },
  {
    title: 'every call meets an expired token twice',
    faults: (['create', 'upload', 'close', 'get', 'failedResults'] as const).map((on) => ({
      ...{ on, times: 2, action: { do: 'expireTokens' } },
    })),
  },
]

const scope = inReverse(after)
const redis = await startRedis(scope)

/** All at once: each has its own object, so that one's faults are not another's. */
async function runAll(title: string, cases: readonly FaultCase[], keepDeleted: boolean) {
  const world = await startFaultWorld(scope, redis, cases)
  await world.startWorker({ audit: { keepDeleted } })
  describe(title, { concurrency: true }, () => {
    for (const [index, one] of cases.entries()) {
      test(one.title, () => meetUnharmed(world, index, one))
    }
  })
  test(`${title} and in the end everything is in order`, () => assertWorldIsWell(world, cases))
}

await runAll(
  'a request is accounted for to the last id when',
  [...cross(CALLS), ...TOGETHER],
  false,
)
await runAll('with every deleted id written down, also when', cross(SUCCESSES), true)
