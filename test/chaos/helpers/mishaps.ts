import { setTimeout as delay } from 'node:timers/promises'
import type { CallAction, CallFault } from '../../../src/sandbox/fault-script.ts'
import type { FaultScript } from '../../../src/sandbox/sandbox.ts'
import type { Berth, Fleet } from './fleet.ts'
import type { Place } from './place.ts'
import type { Random } from './random.ts'
import type { RemoteSandbox } from './remote-sandbox.ts'

/** What may go wrong, each as a name for the table and a deed that ends with everything healed. */
export interface Mishap {
  readonly name: string
  happen(): Promise<void>
}

type Lie = Extract<CallAction, { do: 'lie' }>

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

/** The HTTP service has no lock to lose: it is killed or asked to stop. */
export function serviceMishaps(random: Random, service: Fleet): readonly Mishap[] {
  return [
    {
      name: 'SIGKILL of the HTTP service',
      happen: () => service.any(random, (berth) => berth.kill()),
    },
    {
      name: 'SIGTERM of the HTTP service',
      happen: () => service.any(random, (berth) => berth.terminate('and another follows')),
    },
  ]
}

const CALLS = ['create', 'upload', 'close', 'get', 'failedResults', 'successfulResults'] as const

const spoil =
  (sandbox: RemoteSandbox, random: Random) =>
  (name: string, fault: () => FaultScript): Mishap => ({
    name: `Salesforce: ${name}`,
    happen: () => sandbox.spoil({ times: random.from(1, 3), ...fault() }),
  })

/** Each pauses the whole org for five seconds or more. */
export function orgMishaps(sandbox: RemoteSandbox, random: Random): readonly Mishap[] {
  const fault = spoil(sandbox, random)
  return [
    fault('503', () => ({ on: '*', action: { do: 'answer', status: 503, body: 'html' } })),
    fault('503, though it was done', () => ({
      on: random.pick(CALLS),
      action: { do: 'answer', status: 503, effect: true },
    })),
    fault('connection reset', () => ({
      on: random.pick(CALLS),
      action: { do: 'reset', when: random.pick(['before', 'during', 'after']) },
    })),
    fault('no login', () => ({ on: 'token', action: { do: 'answer', status: 503 } })),
  ]
}

/** Each meets one ingest job, or one call. */
export function jobMishaps(sandbox: RemoteSandbox, random: Random): readonly Mishap[] {
  const fault = spoil(sandbox, random)
  return [
    { name: 'Salesforce: tokens expired', happen: () => sandbox.expireTokens() },
    fault('stalled call', () => ({
      on: random.pick(CALLS),
      action: { do: 'stall', ms: random.from(500, 4000), when: random.pick(['before', 'after']) },
    })),
    fault('job failed by locks', () => ({
      on: 'job',
      action: { do: 'fail', code: 'TooManyLockFailure', afterRows: random.from(0, 50) },
    })),
    fault('job vanished', () => ({
      on: 'job',
      action: { do: 'vanish', afterRows: random.from(0, 50) },
    })),
    fault('job held up', () => ({ on: 'job', action: { do: 'hold', ms: random.from(500, 6000) } })),
  ]
}

/** Answers that are well-formed and not so. Whatever can be found out by looking must be found out. */
export function lyingMishaps(sandbox: RemoteSandbox, random: Random): readonly Mishap[] {
  const fault = spoil(sandbox, random)
  const lie = (name: string, on: CallFault['on'], told: Omit<Lie, 'do'>): Mishap =>
    fault(`a lie: ${name}`, () => ({ on, action: { do: 'lie', ...told } }))
  return [
    lie('another object', random.pick(['create', 'get', 'close']), { set: { object: 'Lead' } }),
    lie('another operation', random.pick(['create', 'get']), { set: { operation: 'insert' } }),
    lie('another job', random.pick(['get', 'close']), { set: { id: '7505f00000ZZZZZAAA' } }),
    lie('no state', 'get', { omit: ['state'] }),
    lie('no counters', 'get', { omit: ['numberRecordsProcessed', 'numberRecordsFailed'] }),
    lie('more failed than sent', 'get', { set: { numberRecordsFailed: 1_000_000 } }),
    lie('rows missing from a file', 'failedResults', { dropRows: 1 }),
    lie('another file', 'failedResults', { file: 'successfulResults' }),
  ]
}

/** What an operator does while everything is at work. */
export function operatorMishaps({ store }: Place, random: Random): readonly Mishap[] {
  const paused = (abort: boolean): Mishap => ({
    name: abort ? 'org paused and its jobs aborted' : 'org paused',
    happen: async () => {
      await store.ledger.pause(abort)
      await delay(random.from(500, 4000))
      await store.ledger.resume()
    },
  })
  return [paused(false), paused(true)]
}

/** The disk of the results is full, or not there. */
export function diskMishaps({ disk }: Place, random: Random): readonly Mishap[] {
  const { mishaps } = disk
  if (mishaps === null) return []
  const meanwhile = async (deed: () => Promise<void>) => {
    await deed()
    await delay(random.from(1000, 5000))
    await disk.heal()
  }
  return [
    { name: 'results disk full', happen: () => meanwhile(mishaps.fill) },
    { name: 'results mount gone', happen: () => meanwhile(mishaps.unmount) },
  ]
}
