// npm run build: src → dist, as it is published. From nothing each time: a file that was renamed
// must not live on in the package.
import { spawnSync } from 'node:child_process'
import { cp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requestJsonSchema } from '../src/shared/contract/request.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const compiler = join(dirname(manifest), 'bin/tsc')

await rm(join(root, 'dist'), { recursive: true, force: true })
const compiled = spawnSync(process.execPath, [compiler, '--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (compiled.status !== 0) process.exit(compiled.status ?? 1)

// What the sources read beside themselves, scripts and pages: the compiler leaves it behind.
await cp(join(root, 'src'), join(root, 'dist'), {
  recursive: true,
  filter: (path) => extname(path) !== '.ts',
})

// For those who enqueue with plain BullMQ, in whatever language.
const schema = join(root, 'dist/deletion-request.schema.json')
await writeFile(schema, `${JSON.stringify(requestJsonSchema(), null, 2)}\n`)
