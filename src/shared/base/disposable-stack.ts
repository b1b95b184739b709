/**
 * DisposableStack and AsyncDisposableStack for Node 22, which lacks them: what Expunge uses of
 * them. `cli/main.ts` installs them before anything else is loaded.
 */

type Dispose = () => unknown

class Stack {
  protected disposals: Dispose[] = []

  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.defer(() =>
      Symbol.asyncDispose in resource
        ? resource[Symbol.asyncDispose]()
        : resource[Symbol.dispose](),
    )
    return resource
  }

  defer(dispose: Dispose): void {
    this.disposals.push(dispose)
  }
}

/** Exported for its test. */
export class SyncStack extends Stack implements Disposable {
  [Symbol.dispose](): void {
    const failure = new Failure()
    for (const dispose of this.disposals.splice(0).reverse()) {
      try {
        dispose()
      } catch (error) {
        failure.add(error)
      }
    }
    failure.throwIfAny()
  }
}

/** Exported for its test. */
export class AsyncStack extends Stack implements AsyncDisposable {
  move(): AsyncStack {
    const moved = new AsyncStack()
    moved.disposals = this.disposals.splice(0)
    return moved
  }

  async disposeAsync(): Promise<void> {
    const failure = new Failure()
    for (const dispose of this.disposals.splice(0).reverse()) {
      try {
        await dispose()
      } catch (error) {
        failure.add(error)
      }
    }
    failure.throwIfAny()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync()
  }
}

/** What went wrong: a later error carries the earlier ones as `suppressed`. */
class Failure {
  #last: { readonly error: unknown } | null = null

  add(error: unknown): void {
    this.#last = { error: this.#last === null ? error : suppressing(error, this.#last.error) }
  }

  throwIfAny(): void {
    if (this.#last !== null) throw this.#last.error
  }
}

function suppressing(error: unknown, suppressed: unknown): Error {
  const both = new Error('An error was suppressed during disposal.')
  return Object.assign(both, { name: 'SuppressedError', error, suppressed })
}

if (typeof AsyncDisposableStack === 'undefined') {
  Object.assign(globalThis, { DisposableStack: SyncStack, AsyncDisposableStack: AsyncStack })
}
