// The prepack of packages/expunge-cli: brings what the package ships. The manifest beside it is the
// only file of the package that is kept in the repository.
import { spawnSync } from 'node:child_process'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const PACKAGE = join(ROOT, 'packages/expunge-cli')
const PAGES = ['README.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs', 'examples']

const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.ts')], {
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)
for (const name of ['bin', 'dist', ...PAGES]) {
  const target = join(PACKAGE, name)
  await rm(target, { recursive: true, force: true })
  await cp(join(ROOT, name), target, { recursive: true })
}
