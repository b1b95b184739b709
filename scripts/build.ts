// npm run build: src → dist, as it is published. From nothing each time: a file that was renamed
// must not live on in the package.
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { requestJsonSchema } from '../src/shared/contract/request.ts'
import { manPage } from './reference/man-page.ts'

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
await bundleTypes()

// For those who enqueue with plain BullMQ, in whatever language.
const schema = join(root, 'dist/deletion-request.schema.json')
await writeFile(schema, `${JSON.stringify(requestJsonSchema(), null, 2)}\n`)

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
await mkdir(join(root, 'dist/man'))
await writeFile(join(root, 'dist/man/expunge.1'), manPage(version))

/**
 * One file of types for each door. The compiler's own files would bring those of BullMQ and ioredis
 * into the programs of others, which then need the types of Node.
 */
async function bundleTypes(): Promise<void> {
  const types = join(root, 'dist/types')
  const bundle = await rolldown({
    input: {
      library: join(types, 'producer/producer.d.ts'),
      sandbox: join(types, 'sandbox/sandbox.d.ts'),
    },
    external: (id) => !isAbsolute(id) && !id.startsWith('.'),
    plugins: [
      {
        name: 'declarations',
        // They import one another by the names of the sources.
        resolveId: (id, from) =>
          from !== undefined && id.startsWith('.')
            ? join(dirname(from), id.replace(/\.ts$/, '.d.ts'))
            : null,
      },
      dts({ dtsInput: true, oxc: true, tsconfig: false }),
    ],
  })
  await bundle.write({ dir: join(root, 'dist') })
  await rm(types, { recursive: true })
}
