import { cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What a clone would hold, with what is not committed yet: no dependency, no build, no secret. */
export async function copyCheckout(target: string): Promise<void> {
  const listed = await run(
    ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    {
      cwd: ROOT,
    },
  )
  const deleted = await run(['git', 'ls-files', '--deleted', '-z'], { cwd: ROOT })
  const gone = new Set(deleted.split('\0'))
  for (const path of new Set(listed.split('\0'))) {
    if (path === '' || gone.has(path)) continue
    await mkdir(dirname(join(target, path)), { recursive: true })
    await cp(join(ROOT, path), join(target, path))
  }
}
