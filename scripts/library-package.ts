// The prepack and postpack of the package expunge. Its manifest in the repository is also that of the
// whole: yarn warns of workspaces in a package that others install, and no script can run there. So a
// manifest without them takes its place while npm packs. After an interruption: git restore package.json
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const MANIFEST = join(ROOT, 'package.json')
const KEPT = join(ROOT, 'node_modules/.cache/expunge/package.json')
const OF_THE_REPOSITORY = [
  'workspaces',
  'scripts',
  'devDependencies',
  'overrides',
  'allowScripts',
] as const

if (process.argv[2] === 'restore') {
  await rename(KEPT, MANIFEST)
} else {
  await mkdir(dirname(KEPT), { recursive: true })
  await copyFile(MANIFEST, KEPT)
  const manifest = JSON.parse(await readFile(MANIFEST, 'utf8'))
  for (const field of OF_THE_REPOSITORY) delete manifest[field]
  await writeFile(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`)
}
