import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Closers, closeEach } from '../../../src/shared/base/shutdown.ts'

describe('what was opened', () => {
  test('is closed in reverse, one after the other', async () => {
    const closers = new Closers()
    const log: string[] = []
    closers.add(() => void log.push('redis'))
    closers.add(async () => {
      log.push('worker closes')
      await new Promise((resolve) => setImmediate(resolve))
      log.push('worker closed')
    })
    await closers.closeAll()
    assert.deepEqual(log, ['worker closes', 'worker closed', 'redis'])
  })

  test('is closed once, however often it is asked for', async () => {
    const closers = new Closers()
    let closed = 0
    closers.add(() => {
      closed++
    })
    await Promise.all([closers.closeAll(), closers.closeAll()])
    await closers.closeAll()
    assert.equal(closed, 1)
  })

  test('is closed to the last, and every failure is told', async () => {
    const closers = new Closers()
    let last = false
    closers.add(() => {
      last = true
    })
    closers.add(async () => {
      throw new Error('one')
    })
    closers.add(() => {
      throw new Error('two')
    })
    await assert.rejects(closers.closeAll(), (error) => {
      assert.ok(error instanceof AggregateError)
      assert.deepEqual(
        error.errors.map((cause) => cause.message),
        ['two', 'one'],
      )
      return true
    })
    assert.equal(last, true)
  })
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
