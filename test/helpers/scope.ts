interface Scope {
  after(fn: () => Promise<void>): void
}

/**
 * Closes in reverse what a module's tests share: `after` at the top of a module runs its hooks in
 * the order of their registration, and a worker cannot stop once its Redis is gone.
 */
export function inReverse(after: (fn: () => Promise<void>) => void): Scope {
  const closers: (() => Promise<void>)[] = []
  after(async () => {
    for (const close of closers.reverse()) await close()
  })
  return { after: (close) => closers.push(close) }
}
