import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncStack, SyncStack } from '../../../src/shared/base/disposable-stack.ts'
import { isSuppressed, messageOf } from '../../../src/shared/base/errors.ts'

type Async = Pick<AsyncDisposableStack, 'defer' | 'disposeAsync'> & {
  use(resource: AsyncDisposable): AsyncDisposable
  move(): Pick<AsyncDisposableStack, 'disposeAsync'>
}
type Sync = Pick<DisposableStack, 'defer' | typeof Symbol.dispose> & {
  use(resource: Disposable): Disposable
}

for (const [title, open] of [
  ["Node's own", (): Async => new AsyncDisposableStack()],
  ['the one for Node 22', (): Async => new AsyncStack()],
] as const) {
  test(`an asynchronous stack disposes of all in reverse, once: ${title}`, async () => {
    const seen: string[] = []
    const [outer, stack] = [open(), open()]
    stack.defer(async () => void seen.push('first'))
    const resource = { [Symbol.asyncDispose]: async () => void seen.push('second') }
    assert.equal(stack.use(resource), resource)
    outer.defer(async () => void seen.push('outer'))
    const moved = stack.move()
    outer.defer(() => moved.disposeAsync())
    await stack.disposeAsync()
    assert.deepEqual(seen, [])
    await outer.disposeAsync()
    await outer.disposeAsync()
    assert.deepEqual(seen, ['second', 'first', 'outer'])
  })

  test(`an asynchronous stack reports every error: ${title}`, async () => {
    const stack = open()
    for (const name of ['a', 'b', 'c']) stack.defer(() => Promise.reject(new Error(name)))
    await assert.rejects(stack.disposeAsync(), (error) => {
      assert.ok(isSuppressed(error))
      assert.equal(messageOf(error), 'c; b; a')
      return true
    })
  })
}

for (const [title, open] of [
  ["Node's own", (): Sync => new DisposableStack()],
  ['the one for Node 22', (): Sync => new SyncStack()],
] as const) {
  test(`a stack disposes of all in reverse and reports every error: ${title}`, () => {
    const seen: string[] = []
    const stack = open()
    stack.use({ [Symbol.dispose]: () => seen.push('first') })
    stack.defer(() => {
      throw new Error('a')
    })
    stack.defer(() => {
      throw new Error('b')
    })
    assert.throws(
      () => stack[Symbol.dispose](),
      (error) => messageOf(error) === 'b; a',
    )
    assert.deepEqual(seen, ['first'])
  })
}
