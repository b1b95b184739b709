interface Caller<In, Out> {
  readonly one: In
  readonly resolve: (result: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: calls made in one turn of the event loop are combined into one, up to `most` at a
 * time. Each caller gets its own result. If the combined call fails, all its callers fail.
 *
 * @param act does the combined work; resolves with one result for each input, in the same order
 */
export function groupCommit<In, Out>(
  most: number,
  act: (all: readonly In[]) => Promise<readonly Out[]>,
): (one: In) => Promise<Out> {
  let callers: Caller<In, Out>[] = []
  const go = () => {
    const all = callers
    callers = []
    if (all.length > 0) void answerEach(all, act)
  }
  return (one) =>
    new Promise((resolve, reject) => {
      callers.push({ one, resolve, reject })
      if (callers.length === 1) setImmediate(go)
      if (callers.length === most) go()
    })
}

async function answerEach<In, Out>(
  callers: readonly Caller<In, Out>[],
  act: (all: readonly In[]) => Promise<readonly Out[]>,
): Promise<void> {
  try {
    const results = await act(callers.map(({ one }) => one))
    if (results.length !== callers.length) {
      throw new TypeError(`Expected ${callers.length} results, got ${results.length}.`)
    }
    for (const [at, result] of results.entries()) callers[at]?.resolve(result)
  } catch (error) {
    for (const { reject } of callers) reject(error)
  }
}
