/** Where to register the end of what was started, as with node:test. */
export interface Scope {
  after(close: () => Promise<void>): void
}

/** A scope that is ended by hand, or with the one around it: what was started last goes first. */
export class OwnScope implements Scope, AsyncDisposable {
  readonly #around: Scope | undefined
  readonly #closers: (() => Promise<void>)[] = []
  #ended: Promise<void> | null = null

  constructor(around?: Scope) {
    this.#around = around
    around?.after(() => this[Symbol.asyncDispose]())
  }

  after(close: () => Promise<void>): void {
    this.#closers.push(close)
    if (this.#ended === null) return
    // Somebody was still about to start something when Ctrl-C came.
    this.#ended = this.#ended.then(() => this.#end())
    this.#around?.after(() => this[Symbol.asyncDispose]())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#end()
    // More may be registered while the rest is being ended.
    for (let end = null; end !== this.#ended; ) {
      end = this.#ended
      await end
    }
  }

  async #end(): Promise<void> {
    const failures: unknown[] = []
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      await close().catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.')
  }
}
