import { promises } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

interface Scope {
  after(fn: () => void): void
}

type Ability = 'link' | 'rename' | 'chmod' | 'writeFile'

/**
 * For the rest of a test, as a file system that lacks an ability: whoever uses it gets what that file
 * system says. Null passes a call on to the real one, `done` says that it is done and does nothing.
 */
export function lacking(
  t: Scope,
  ability: Ability,
  refusal: (...args: readonly unknown[]) => string | null,
): void {
  const real: unknown = promises[ability]
  const put = (method: unknown) => {
    Object.assign(promises, { [ability]: method })
    // `import { link } from 'node:fs/promises'` sees it, too.
    syncBuiltinESMExports()
  }
  put(async (...args: unknown[]) => {
    const code = refusal(...args)
    if (code === null && typeof real === 'function') return Reflect.apply(real, promises, args)
    if (code === 'done') return undefined
    throw Object.assign(new Error(`${code}: as such file systems say, ${ability}`), { code })
  })
  t.after(() => put(real))
}
