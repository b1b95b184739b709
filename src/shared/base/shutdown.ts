const NOT_CLOSED = 'Not everything could be closed.'

/**
 * What was opened is closed in reverse, each thing once, and one that fails to close does not keep
 * the others open.
 */
export class Closers {
  readonly #closers: (() => Promise<void> | void)[] = []

  add(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }

  /** @throws AggregateError of everything that would not close. */
  async closeAll(): Promise<void> {
    const failures: unknown[] = []
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, NOT_CLOSED)
  }
}

/** Closes things that do not depend on each other, all at once. @throws AggregateError likewise */
export async function closeEach<T>(
  things: Iterable<T>,
  close: (thing: T) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled([...things].map(close))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  if (failures.length > 0) throw new AggregateError(failures, NOT_CLOSED)
}

/** Whether it ended in time. Real time, whatever the clock: a process that stops is being watched. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(late.resolve, ms, false)
  try {
    return await Promise.race([work.then(() => true), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
