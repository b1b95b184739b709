import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { startRedis } from '../test/helpers/redis.ts'
import { startWorld } from '../test/helpers/world.ts'

/**
 * Packs both packages and installs each into empty folders, with every package manager under every
 * release line of Node that the documentation names; then uses what was installed against a Redis.
 * Prints a row for each, and fails if one is not as owed.
 *
 *     node scripts/install-matrix.ts                   all, in minutes
 *     node scripts/install-matrix.ts npm 22 expunge    what has all of these words
 */

const ROOT = join(import.meta.dirname, '..')
const NODES = ['20', '22', '24'] as const
const MANAGERS = {
  npm: { version: null, add: ['install', '--no-audit', '--no-fund'] },
  // It fails where a package wants to run a script: msgpackr-extract, which works without.
  pnpm: { version: '12', add: ['add', '--config.strict-dep-builds=false'] },
  yarn: { version: '1', add: ['add', '--no-progress'] },
} as const
type ManagerName = keyof typeof MANAGERS
const PACKAGES = ['expunge', 'expunge-cli'] as const
type PackageName = (typeof PACKAGES)[number]

/** Owed: packages at most, and megabytes. The whole tool has no limit to its packages. */
const LIMITS = {
  expunge: { packages: 40, megabytes: 40 },
  'expunge-cli': { packages: Number.POSITIVE_INFINITY, megabytes: 120 },
} as const

/** What the command line says on a Node that is too old for it. */
const TOO_OLD = /^expunge: Node 22\.21, 24\.5 or newer is needed, and this is v20/
const SUBMIT = ['submit', '--object', 'Contact', '--ids', '0035g00000AbCdEAAV', '--json']

/** Everything that the library does without a worker. */
const USE_LIBRARY = `
import { createProducer, UnknownRequestError } from 'expunge'
const org = process.argv[2]
const producer = await createProducer({ redis: process.env.REDIS_URL })
const ids = { type: 'ids', ids: ['0035g00000AbCdEAAV'] }
await producer.submit({ id: 'ids', org, object: 'Contact', source: ids, approval: 'required' })
async function* rows() {
  yield Buffer.from('Id\\n')
  for (let n = 0; n < 100_000; n += 1) yield Buffer.from('0035g00000' + String(n).padStart(5, '0') + '\\n')
}
const upload = { id: 'upload', org, object: 'Contact', source: { type: 'upload' }, onUnchecked: 'accept' }
await producer.submit(upload, rows())
const { created } = await producer.submit(upload, rows())
const { status } = await producer.inspect('ids', { org })
const listed = await producer.list({ org })
await producer.approve('nothing', { org }).catch((error) => {
  if (!(error instanceof UnknownRequestError)) throw error
})
await producer.cancel('ids', { org, by: 'matrix' })
await producer.close()
console.log(JSON.stringify({ created, status, listed: listed.length }))
`

/** With a worker, which runs on another Node: what the library stages and approves is read there. */
const USE_WORKER = `
import { createProducer } from 'expunge'
const [org, id] = process.argv.slice(2)
const producer = await createProducer({ redis: process.env.REDIS_URL })
async function* rows() {
  yield Buffer.from('Id\\n')
  for (let n = 0; n < 20_000; n += 1) yield Buffer.from('0035g00000' + String(n).padStart(5, '0') + '\\n')
}
const request = { id, org, object: 'Contact', source: { type: 'upload' }, onUnchecked: 'accept', dryRun: true }
await producer.submit(request, rows())
const { plan } = await producer.wait(id, { org })
const applied = await producer.approve(id, { org, by: 'matrix', plan: plan.sha256 })
const { status, outcome } = await producer.wait(applied.id, { org })
await producer.close()
// Another row of the matrix may have deleted the same.
console.log(JSON.stringify({ status, gone: outcome.deleted + outcome.alreadyGone }))
`

/** In a program without the types of Node. */
const TYPES = `
import { createProducer, type DeletionRequestInput, type Producer, type Receipt, RefusedError } from 'expunge'
export async function erase(ids: string[]): Promise<number> {
  const producer: Producer = await createProducer({ redis: 'redis://localhost' })
  const asked: DeletionRequestInput = { object: 'Contact', source: { type: 'ids', ids } }
  const { request } = await producer.submit(asked)
  const receipt: Receipt = await producer.wait(request.id)
  if (receipt.error !== null) throw new RefusedError('INVALID_REQUEST', receipt.error.message)
  return receipt.outcome?.deleted ?? 0
}
`

interface Cell {
  readonly manager: ManagerName
  readonly node: (typeof NODES)[number]
  readonly name: PackageName
}
interface Row {
  readonly seconds: number
  readonly packages: number
  readonly megabytes: number
  /** Lines that tell of a wrong Node; owed: none. */
  readonly engineWarnings: readonly string[]
  /** All other warnings of the package manager. */
  readonly warnings: readonly string[]
  readonly used: string
}

const words = process.argv.slice(2)
const cells = NODES.flatMap((node) =>
  PACKAGES.flatMap((name) =>
    Object.keys(MANAGERS)
      .filter(isManager)
      .map((manager): Cell => ({ manager, node, name })),
  ),
).filter(({ manager, node, name }) =>
  words.every((word) => [manager, node, name].some((part) => part === word)),
)
assert.ok(cells.length > 0, `Nothing has all of ${words.join(' ')}.`)

function isManager(name: string): name is ManagerName {
  return Object.hasOwn(MANAGERS, name)
}

const folder = await mkdtemp(join(tmpdir(), 'expunge-installs-'))
const ends: (() => Promise<void>)[] = []
try {
  const scope = { after: (end: () => Promise<void>) => void ends.unshift(end) }
  const redis = await startRedis(scope, { appendOnly: true })
  const world = await startWorld(scope, { redis })
  await world.startWorker()
  const tarballs = await pack()
  console.log('package      manager  node  seconds  packages  MB  warnings  used')
  const problems: string[] = []
  for (const cell of cells) {
    const row = await install(cell, tarballs[cell.name], { url: redis.url, org: world.org })
    const { manager, node, name } = cell
    console.log(
      [
        name.padEnd(12),
        manager.padEnd(8),
        node.padEnd(5),
        row.seconds.toFixed(1).padStart(7),
        String(row.packages).padStart(9),
        String(row.megabytes).padStart(3),
        String(row.engineWarnings.length + row.warnings.length).padStart(9),
        ` ${row.used}`,
      ].join(' '),
    )
    for (const line of new Set([...row.engineWarnings, ...row.warnings])) console.log(`  ${line}`)
    problems.push(...problemsOf(cell, row))
  }
  for (const problem of problems) console.log(`Not as owed: ${problem}`)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  for (const end of ends) await end()
  await rm(folder, { recursive: true, force: true })
}

function problemsOf({ manager, node, name }: Cell, row: Row): readonly string[] {
  const where = `${name} with ${manager} on Node ${node}`
  const limit = LIMITS[name]
  return [
    // Node 20 is too old for the command line, and saying so is right.
    ...(name === 'expunge-cli' && node === '20' ? [] : row.engineWarnings),
    ...(row.packages > limit.packages ? [`${row.packages} packages`] : []),
    ...(row.megabytes > limit.megabytes ? [`${row.megabytes} MB`] : []),
  ].map((problem) => `${where}: ${problem}`)
}

async function pack(): Promise<Record<PackageName, string>> {
  const target = join(folder, 'packed')
  await mkdir(target)
  const one = async (...which: readonly string[]) => {
    const { stdout } = await run(
      'npm',
      ['pack', '--silent', '--pack-destination', target, ...which],
      {
        cwd: ROOT,
      },
    )
    return join(target, stdout.trim().split('\n').at(-1) ?? '')
  }
  // One after the other: each builds dist/.
  const expunge = await one()
  const tarballs = { expunge, 'expunge-cli': await one('--workspace', 'expunge-cli') }
  for (const [name, file] of Object.entries(tarballs)) {
    console.log(`${name}: ${((await stat(file)).size / 1000).toFixed(0)} kB packed`)
  }
  return tarballs
}

/** A Redis, and the org in it that has a worker. */
interface Place {
  readonly url: string
  readonly org: string
}

async function install(
  { manager, node, name }: Cell,
  tarball: string,
  { url, org }: Place,
): Promise<Row> {
  const home = await mkdtemp(join(folder, 'empty-'))
  const project = { name: 'empty', version: '1.0.0', private: true, type: 'module' }
  await writeFile(join(home, 'package.json'), JSON.stringify(project))
  const bin = await nodeBin(node)
  const PATH = [bin, dirname(await which('npm')), '/usr/bin', '/bin'].join(delimiter)
  const env = {
    ...process.env,
    PATH,
    REDIS_URL: url,
    YARN_CACHE_FOLDER: join(folder, 'yarn-cache'),
  }
  const program = await managerCommand(manager)
  const begun = performance.now()
  const said = await attempt(program, [...MANAGERS[manager].add, tarball], {
    cwd: home,
    env,
  })
  const seconds = (performance.now() - begun) / 1000
  const lines = said.output.split('\n').filter((line) => /^(npm )?\[?(warn|error)/i.test(line))
  const engineWarnings = lines.filter((line) => /engine|unsupported/i.test(line))
  const warnings = lines.filter((line) => !engineWarnings.includes(line))
  if (said.code !== 0) {
    assert.ok(name === 'expunge-cli' && node === '20', said.output)
    return { seconds, packages: 0, megabytes: 0, engineWarnings, warnings, used: 'refused' }
  }
  const used = await use({ name, node, home, env, org })
  return { seconds, ...(await measure(join(home, 'node_modules'))), engineWarnings, warnings, used }
}

async function use(given: {
  readonly name: PackageName
  readonly node: string
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly org: string
}): Promise<string> {
  const { name, node, home, env } = given
  const command = join(home, 'node_modules/.bin/expunge')
  const version = await attempt(command, ['--version'], { cwd: home, env })
  assert.deepEqual(version, { code: 0, output: `${await ownVersion()}\n` })
  if (name === 'expunge') {
    const manifest = await readFile(join(home, 'node_modules/expunge/package.json'), 'utf8')
    assert.doesNotMatch(manifest, /"(workspaces|scripts|devDependencies)"/)
    const told = await attempt(command, ['list'], { cwd: home, env })
    assert.match(told.output, /^expunge: .*npm install --global expunge-cli\n$/)
    assert.equal(told.code, 2)
    await writeFile(join(home, 'use.js'), USE_LIBRARY)
    const org = `matrix-${node}-${Math.random().toString(36).slice(2)}`
    const { output } = await attempt('node', ['use.js', org], { cwd: home, env })
    assert.deepEqual(output, '{"created":false,"status":"queued","listed":2}\n')
    await writeFile(join(home, 'delete.js'), USE_WORKER)
    const deleted = await attempt('node', ['delete.js', given.org, org], { cwd: home, env })
    assert.equal(deleted.output, '{"status":"completed","gone":20000}\n')
    await compile(home)
    return 'version, submit, inspect, list, cancel, delete, types'
  }
  const submitted = await attempt(command, SUBMIT, { cwd: home, env })
  if (node === '20') {
    assert.match(submitted.output, TOO_OLD)
    return 'version; says which Node it needs'
  }
  assert.equal(submitted.code, 0, submitted.output)
  assert.match(submitted.output, /"status": "queued"/)
  return 'version, submit'
}

/** Types of others are checked too, and none but those of the package's own dependencies are there. */
async function compile(home: string): Promise<void> {
  await writeFile(join(home, 'use.ts'), TYPES)
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', 'use.ts']
  const { code, output } = await attempt(process.execPath, [compiler, ...flags], { cwd: home })
  assert.equal(code, 0, output)
}

async function ownVersion(): Promise<string> {
  return JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).version
}

/** Packages by name and version, and megabytes on the disk; links count for what they are. */
async function measure(modules: string): Promise<Pick<Row, 'packages' | 'megabytes'>> {
  const files = await readdir(modules, { recursive: true, withFileTypes: true })
  const manifests = files.filter(
    ({ name, parentPath }) =>
      name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(parentPath),
  )
  const found = await Promise.all(
    manifests.map(async ({ parentPath, name }) => {
      const { name: called, version } = JSON.parse(await readFile(join(parentPath, name), 'utf8'))
      return `${called}@${version}`
    }),
  )
  const { stdout } = await run('du', ['-sm', modules])
  return { packages: new Set(found).size, megabytes: Number.parseInt(stdout, 10) }
}

/** The folder of a Node of that line, from npm. */
async function nodeBin(line: string): Promise<string> {
  const home = await fetched(`node-${process.platform}-${process.arch}`, line)
  return join(home, 'bin')
}

async function managerCommand(manager: ManagerName): Promise<string> {
  const { version } = MANAGERS[manager]
  return version === null ? 'npm' : join(await fetched(manager, version), '../.bin', manager)
}

/** A package from npm, in a folder of its own. */
async function fetched(name: string, version: string): Promise<string> {
  const home = join(folder, `${name}-${version}`)
  const installed = join(home, 'node_modules', name)
  if (await stat(installed).catch(() => null)) return installed
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  await run('npm', ['install', '--no-audit', '--no-fund', '--silent', `${name}@${version}`], {
    cwd: home,
  })
  return installed
}

async function which(program: string): Promise<string> {
  return (await run('sh', ['-c', `command -v ${program}`])).stdout.trim()
}

function run(program: string, args: readonly string[], options: { cwd?: string } = {}) {
  return promisify(execFile)(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
}

/** Both streams, in the order in which they were read. */
function attempt(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, output: stdout + stderr })
    })
  })
}
