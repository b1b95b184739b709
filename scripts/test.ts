import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * `npm test`: all tests. `npm test -- ingest cli/run` takes the files whose path contains a word;
 * `--seed` and `--runs` are for properties (`test/helpers/fast-check.ts`), and what else begins with
 * `--` goes to Node's test runner.
 *
 * Several files share a process. Each process of its own costs 0.1 to 0.5 s of processor time before
 * the first test begins, for there are a thousand modules to load; for 230 files that was a quarter
 * of all. Each file runs alone as well: `node --test test/cli/run.test.ts`.
 */

const ROOT = join(import.meta.dirname, '..')

/** More would pay little, and leave processors idle while the last one ends. */
const FILES_A_PROCESS = 20

/**
 * Of these there are several groups, and they come first, in turns: those of `worker` and `cli` keep
 * the processor busy, those of `shared` mostly wait. What is short comes last, so that no processor
 * is idle while one last group ends.
 */
const LONG = ['worker', 'cli', 'shared', 'producer', 'grafana', 'examples']

/** They look at all that happens in the process, or change what belongs to all of it, such as its packages. */
const ALONE = [
  'test/cli/screen.test.ts',
  'test/cli/redis-server.test.ts',
  'test/shared/base/clock.test.ts',
  'test/shared/telemetry/tracing/spans.test.ts',
  'test/shared/telemetry/tracing/queues.test.ts',
  'test/worker/inputs.test.ts',
  'test/worker/sources/without-packages.test.ts',
]

const words = process.argv.slice(2)
const seed = given('seed')
const runs = given('runs')
const options = words.filter((word) => word.startsWith('--') && !/^--(seed|runs)=/.test(word))
const wanted = words.filter((word) => !word.startsWith('--'))
const files = globSync('test/**/*.test.ts', { cwd: ROOT })
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
  .sort()
if (files.length === 0) throw new Error(`No test file has ${wanted.join(' or ')} in its path.`)

// Not below node_modules, where the runner takes no test from.
const folder = await mkdtemp(join(tmpdir(), 'expunge-tests-'))
const entries = await writeGroups(files)
// Many tests wait: for a lock to run out, a timer, a server to start.
const atOnce = availableParallelism() + 2
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${atOnce}`,
    `--test-timeout=${300_000 * (runs ?? 1)}`,
    ...options,
    ...entries,
  ],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      TMPDIR: await scratch(),
      NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node'),
      ...(seed !== undefined && { PROPERTY_SEED: String(seed) }),
      ...(runs !== undefined && { PROPERTY_RUNS: String(runs) }),
    },
  },
)
await rm(folder, { recursive: true })
process.exitCode = status ?? 1

function given(name: 'seed' | 'runs'): number | undefined {
  const [text] = words.flatMap((word) => word.split(`--${name}=`).slice(1))
  if (text === undefined) return
  if (name === 'seed' && text === 'random') {
    const drawn = randomInt(2 ** 31)
    console.log(`--seed=${drawn}`)
    return drawn
  }
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`--${name}=${text} is not a whole number.`)
  return Number(text)
}

/** Files of tests are many and short-lived: in memory, where there is room, they cost no disk. */
async function scratch(): Promise<string> {
  const memory = '/dev/shm'
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '')
  const [, flags] = /^\S+ \/dev\/shm \S+ (\S+)/m.exec(mounts) ?? []
  if (flags === undefined || process.env['TMPDIR'] !== undefined) return tmpdir()
  const { bavail, bsize } = await statfs(memory)
  // Some tests write programs and run them.
  return bavail * bsize > 4e9 && !flags.split(',').includes('noexec') ? memory : tmpdir()
}

/** A module for each process, which imports its files. Those of one folder mostly need the same. */
async function writeGroups(files: readonly string[]): Promise<readonly string[]> {
  const kinds = Map.groupBy(files, (file) =>
    ALONE.includes(file) ? 'alone' : (file.split('/')[1] ?? ''),
  )
  const groups = [...kinds]
    .flatMap(([kind, files]) => {
      const most = kind === 'alone' ? 1 : FILES_A_PROCESS
      const all = dealt(files, Math.ceil(files.length / most))
      const turn = (at: number) => (LONG.includes(kind) ? at / all.length : 1)
      return all.map((files, at) => ({ kind, files, turn: turn(at) }))
    })
    .sort((one, other) => one.turn - other.turn)
    // The runner starts them in the order of their names.
    .map(({ kind, files }, at) => {
      const name = `${String(at + 1).padStart(2, '0')}-${kind}.test.mjs`
      return { path: join(folder, name), files }
    })
  for (const { path, files } of groups) await writeFile(path, entryOf(files))
  return groups.map(({ path }) => path)
}

/** Neighbours in the alphabet resemble each other in length, too: they go to different hands. */
function dealt(files: readonly string[], hands: number): readonly (readonly string[])[] {
  return Array.from({ length: hands }, (_, hand) => files.filter((_, at) => at % hands === hand))
}

function entryOf(files: readonly string[]): string {
  const module = pathToFileURL(join(import.meta.dirname, 'test-group.ts')).href
  return `import { runTogether } from '${module}'
await runTogether(${JSON.stringify(files)})
`
}
