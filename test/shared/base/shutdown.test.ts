import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { catchInterrupts } from '../../../src/cli/cli.ts'
import {
  closeEach,
  type Signals,
  type StopSignalName,
  stopSignal,
} from '../../../src/shared/base/shutdown.ts'

class Exited extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** A process that throws where it would end. */
function signalled(): Signals & { send(name: StopSignalName): void } {
  const events = new EventEmitter()
  return Object.assign(events, {
    exit: (code: number): never => {
      throw new Exited(code)
    },
    send: (name: StopSignalName) => {
      events.emit(name)
    },
  })
}

test('each of the three stops, a second SIGINT or SIGTERM ends at once', () => {
  for (const [first, again, code] of [
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const) {
    const process = signalled()
    const { signal } = stopSignal(process)
    process.send(first)
    assert.match(String(signal.reason), new RegExp(first))
    assert.throws(() => process.send(again), { code })
  }
})

test('SIGHUP stops, and neither follows nor precedes another as its repetition', async () => {
  const process = signalled()
  const { signal, requested } = stopSignal(process)
  process.send('SIGHUP')
  await requested
  assert.match(String(signal.reason), /Stopped by SIGHUP/)
  for (const name of ['SIGHUP', 'SIGHUP', 'SIGTERM', 'SIGHUP'] as const) process.send(name)
  assert.throws(() => process.send('SIGTERM'), { code: 143 })
})

test('a run that hands over is not cut short by a terminal that closes', () => {
  const process = signalled()
  const interrupts = catchInterrupts(process)
  process.send('SIGINT')
  for (const name of ['SIGHUP', 'SIGHUP'] as const) process.send(name)
  assert.throws(() => process.send('SIGINT'), { code: 130 })

  const closed = signalled()
  const { signal, expectSecond } = catchInterrupts(closed)
  const second = expectSecond()
  for (const name of ['SIGHUP', 'SIGHUP', 'SIGTERM'] as const) closed.send(name)
  assert.deepEqual([signal.reason.exitCode, second.aborted], [129, false])
  assert.throws(() => closed.send('SIGTERM'), { code: 143 })
  assert.equal(interrupts.signal.reason.exitCode, 130)
})

test('the signals are given back', () => {
  const process = signalled()
  const { forget, signal } = stopSignal(process)
  forget()
  for (const name of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) process.send(name)
  assert.equal(signal.aborted, false)
})

describe('things that do not depend on each other', () => {
  test('are closed at once: none waits for another', async () => {
    const second = Promise.withResolvers<void>()
    const closers = { first: () => second.promise, second: async () => second.resolve() }
    await closeEach(Object.values(closers), (close) => close())
  })

  test('are closed to the last, and every failure is told', async () => {
    const closed: string[] = []
    const closing = closeEach(['one', 'two', 'three'], async (name) => {
      if (name !== 'two') throw new Error(name)
      closed.push(name)
    })
    await assert.rejects(closing, (error) => {
      assert.ok(error instanceof AggregateError)
      assert.deepEqual(
        error.errors.map((cause) => cause.message),
        ['one', 'three'],
      )
      return true
    })
    assert.deepEqual(closed, ['two'])
  })
})
