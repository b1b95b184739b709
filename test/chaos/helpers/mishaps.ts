import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultScript } from '../../../src/sandbox/sandbox.ts'
import type { TestRedis } from '../../helpers/redis.ts'
import type { Berth, Fleet } from './fleet.ts'
import type { Random } from './random.ts'
import type { RemoteSandbox } from './remote-sandbox.ts'

/** What may go wrong, each as a name for the table and a deed that ends with everything healed. */
export interface Mishap {
  readonly name: string
  happen(): Promise<void>
}

/** Longer than the locks of the workers, which are of a second. */
const PAST_THE_LOCK = [1500, 4000] as const

export function workerMishaps(random: Random, fleet: Fleet): readonly Mishap[] {
  const ms = () => random.from(...PAST_THE_LOCK)
  const any = (name: string, deed: (berth: Berth) => Promise<void>): Mishap => ({
    name,
    happen: () => fleet.any(random, deed),
  })
  return [
    any('SIGKILL of a worker', (berth) => berth.kill()),
    any('SIGKILL of a worker', (berth) => berth.kill()),
    any('SIGSTOP of a worker past its lock', (berth) => berth.freeze(ms())),
    any('event loop blocked past the lock', (berth) => berth.block(ms())),
    any('SIGTERM of a worker', (berth) => berth.terminate('and another follows')),
  ]
}

export function redisMishaps(redis: TestRedis, minutes: number): readonly Mishap[] {
  const isAway = (seconds: number): Mishap => ({
    name: `Redis stopped for ${seconds} s`,
    happen: async () => {
      process.kill(redis.pid, 'SIGSTOP')
      await delay(seconds * 1000)
      process.kill(redis.pid, 'SIGCONT')
    },
  })
  const isDown = (seconds: number): Mishap => ({
    name: seconds === 0 ? 'Redis killed and started again' : `Redis down for ${seconds} s`,
    happen: async () => {
      await redis.kill()
      await delay(seconds * 1000)
      await redis.restart()
    },
  })
  const all = [...[isDown(0), isDown(0), isDown(0)], ...[isDown(3), isAway(3)]]
  return [...all, isAway(15), ...(minutes < 5 ? [] : [...all, isDown(15), isDown(60), isAway(60)])]
}

export function salesforceMishaps(sandbox: RemoteSandbox, random: Random): readonly Mishap[] {
  const calls = ['create', 'upload', 'close', 'get', 'failedResults', 'successfulResults'] as const
  const spoil = (name: string, fault: () => FaultScript): Mishap => ({
    name: `Salesforce: ${name}`,
    happen: () => sandbox.spoil({ times: random.from(1, 3), ...fault() }),
  })
  return [
    spoil('503', () => ({ on: '*', action: { do: 'answer', status: 503, body: 'html' } })),
    spoil('503, though it was done', () => ({
      on: random.pick(calls),
      action: { do: 'answer', status: 503, effect: true },
    })),
    spoil('connection reset', () => ({
      on: random.pick(calls),
      action: { do: 'reset', when: random.pick(['before', 'during', 'after']) },
    })),
    spoil('stalled call', () => ({
      on: random.pick(calls),
      action: { do: 'stall', ms: random.from(500, 4000), when: random.pick(['before', 'after']) },
    })),
    spoil('no login', () => ({ on: 'token', action: { do: 'answer', status: 503 } })),
    { name: 'Salesforce: tokens expired', happen: () => sandbox.expireTokens() },
    spoil('job failed by locks', () => ({
      on: 'job',
      action: { do: 'fail', code: 'TooManyLockFailure', afterRows: random.from(0, 50) },
    })),
    spoil('job vanished', () => ({
      on: 'job',
      action: { do: 'vanish', afterRows: random.from(0, 50) },
    })),
    spoil('job held up', () => ({ on: 'job', action: { do: 'hold', ms: random.from(500, 6000) } })),
  ]
}
