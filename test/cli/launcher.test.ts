import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../../bin/expunge.js', import.meta.url))
const PLATFORM = process.platform === 'win32' ? 'win' : process.platform
const PINNED = `node-${PLATFORM}-${process.arch}`

/** Says who it is, then does what its first argument asks. */
const MAIN = `
const [, , ask, ...rest] = process.argv
if (ask === 'wait') {
  let seen = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      seen += 1
      // Late enough to count a second delivery, and to outlive a launcher that gave up.
      setTimeout(() => { console.log(signal + ' ' + seen); process.exit(7) }, 200)
    })
  }
  setInterval(() => {}, 60_000)
}
console.log(JSON.stringify({ main: import.meta.url.split('/').slice(-3).join('/'), pid: process.pid, rest }))
if (ask === 'exit') process.exitCode = Number(rest[0])
if (ask === 'die') process.kill(process.pid, rest[0])
`

const SOURCES = ['src/cli/main.ts']

interface Installed {
  readonly launcher: string
  run(options: { old: boolean }, ...args: string[]): ChildProcess
}

/** The package in a temporary folder, with a main of our own, and a pinned Node if so wished. */
async function install(
  t: TestContext,
  layout: {
    pinned?: { version: string; hoisted: boolean }
    mains?: readonly string[]
    /** The version of an expunge-cli beside it. */
    beside?: string
  },
): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge launcher '))
  t.after(() => rm(folder, { recursive: true, force: true }))
  // Not in node_modules: there Node runs no TypeScript.
  const root = join(folder, 'expunge')
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  await write(join(root, 'package.json'), '{ "type": "module", "version": "1.2.3" }')
  await mkdir(join(root, 'bin'))
  const launcher = join(root, 'bin/expunge.js')
  await copyFile(LAUNCHER, launcher)
  for (const main of layout.mains ?? ['dist/cli/main.js']) await write(join(root, main), MAIN)
  if (layout.beside !== undefined) {
    const home = join(root, 'node_modules/expunge-cli')
    await write(
      join(home, 'package.json'),
      JSON.stringify({ type: 'module', version: layout.beside }),
    )
    await write(join(home, 'dist/cli/main.js'), MAIN)
  }
  if (layout.pinned !== undefined) {
    const { version, hoisted } = layout.pinned
    const home = join(hoisted ? folder : root, 'node_modules', PINNED)
    await write(join(home, 'package.json'), JSON.stringify({ version, bin: { node: 'lib/node' } }))
    await mkdir(join(home, 'lib'))
    await symlink(process.execPath, join(home, 'lib/node'))
  }
  // Not through NODE_OPTIONS: the Node that the launcher starts would be old as well.
  const preload = join(folder, 'old.cjs')
  await writeFile(preload, `Object.defineProperty(process, 'version', { value: 'v20.20.2' })`)
  return {
    launcher,
    run: ({ old }, ...args) => {
      const command = [...(old ? ['--require', preload] : []), launcher, ...args]
      const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
      t.after(() => child.kill('SIGKILL'))
      return child
    },
  }
}

async function result(child: ChildProcess): Promise<{
  exit: unknown[]
  said: { main: string; pid: number; rest: string[] } | null
  stderr: string
}> {
  assert(child.stdout !== null && child.stderr !== null)
  const [exit, stdout, stderr] = await Promise.all([
    once(child, 'exit'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { exit, said: stdout === '' ? null : JSON.parse(stdout), stderr }
}

test('a Node that is new enough runs everything in its own process', async (t) => {
  const { run } = await install(t, {})
  const child = run({ old: false }, 'exit', '3', '--flag', 'a b')
  const { exit, said, stderr } = await result(child)
  assert.deepEqual(exit, [3, null])
  assert.deepEqual(said, { main: 'dist/cli/main.js', pid: child.pid, rest: ['3', '--flag', 'a b'] })
  assert.equal(stderr, '')
})

test('a git checkout runs its sources, unbuilt', async (t) => {
  const { run } = await install(t, { mains: ['src/cli/main.ts', 'dist/cli/main.js'] })
  const { said } = await result(run({ old: false }, 'exit', '0'))
  assert.equal(said?.main, 'src/cli/main.ts')
})

for (const hoisted of [false, true]) {
  test(`an old Node hands over to the pinned one, ${hoisted ? 'hoisted' : 'our own'}`, async (t) => {
    const { run } = await install(t, { mains: SOURCES, pinned: { version: '24.21.0', hoisted } })
    const child = run({ old: true }, 'exit', '4', 'a b')
    const { exit, said } = await result(child)
    assert.deepEqual(exit, [4, null])
    assert.deepEqual(said?.rest, ['4', 'a b'])
    assert.notEqual(said?.pid, child.pid)
  })
}

for (const [title, layout, needed] of [
  ['built code', {}, 'Node 22\\.21, 24\\.5 or newer'],
  ['sources and no pinned Node', { mains: SOURCES }, 'Node 24\\.5 or newer'],
  [
    'sources and a pinned Node that is too old',
    { mains: SOURCES, pinned: { version: '24.0.0', hoisted: false } },
    'Node 24\\.5 or newer',
  ],
] as const) {
  test(`an old Node with ${title} says what to do`, async (t) => {
    const { run } = await install(t, layout)
    const { exit, said, stderr } = await result(run({ old: true }, 'exit', '0'))
    assert.deepEqual(exit, [2, null])
    assert.equal(said, null)
    assert.match(stderr, new RegExp(`${needed} is needed, and this is v20\\.20\\.2\\. Install`))
  })
}

for (const option of ['--version', '-V']) {
  test(`${option} is answered by any Node`, async (t) => {
    const { run } = await install(t, {})
    const child = run({ old: true }, option)
    assert(child.stdout !== null)
    assert.equal(await text(child.stdout), '1.2.3\n')
  })
}

test("the library's package alone says which one has the command line", async (t) => {
  const { run } = await install(t, { mains: [] })
  const { exit, stderr } = await result(run({ old: false }, 'list'))
  assert.deepEqual(exit, [2, null])
  assert.match(stderr, /npx expunge-cli.*npm install --global expunge-cli/)
})

test("the library's package starts an expunge-cli beside it", async (t) => {
  const { run } = await install(t, { mains: [], beside: '1.2.4' })
  const { said } = await result(run({ old: false }, 'exit', '0'))
  assert.equal(said?.main, 'dist/cli/main.js')
  const child = run({ old: false }, '--version')
  assert(child.stdout !== null)
  assert.equal(await text(child.stdout), '1.2.4\n')
})

test('a main that cannot be loaded ends as any crash does', async (t) => {
  const { launcher, run } = await install(t, {})
  await writeFile(join(dirname(launcher), '../dist/cli/main.js'), 'throw new Error("broken main")')
  const { exit, stderr } = await result(run({ old: false }))
  assert.deepEqual(exit, [1, null])
  assert.match(stderr, /broken main/)
})

test('the death of the child by a signal is the death of the launcher', async (t) => {
  const { run } = await install(t, {
    mains: SOURCES,
    pinned: { version: '24.21.0', hoisted: false },
  })
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const { exit } = await result(run({ old: true }, 'die', signal))
    assert.deepEqual(exit, [null, signal])
  }
})

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} is passed on, and the child ends in its own time`, async (t) => {
    const { run } = await install(t, {
      mains: SOURCES,
      pinned: { version: '24.21.0', hoisted: false },
    })
    const child = run({ old: true }, 'wait')
    assert(child.stdout !== null)
    await once(child.stdout, 'data')
    child.kill(signal)
    const [exit, rest] = await Promise.all([once(child, 'exit'), text(child.stdout)])
    assert.deepEqual(exit, [7, null])
    assert.equal(rest, `${signal} 1\n`)
  })
}

const noTerminal =
  existsSync('/usr/bin/script') && process.platform === 'linux'
    ? false
    : "needs util-linux's script for a terminal"

test('Ctrl-C on a terminal reaches the child once', { skip: noTerminal }, async (t) => {
  const { launcher } = await install(t, {
    mains: SOURCES,
    pinned: { version: '24.21.0', hoisted: false },
  })
  const preload = join(dirname(launcher), '../../old.cjs')
  const quoted = [process.execPath, '--require', preload, launcher, 'wait'].map(
    (part) => `'${part}'`,
  )
  // exec: a shell in between would die of the Ctrl-C itself, and hide how the launcher ended.
  const args = ['--quiet', '--return', '--command', `exec ${quoted.join(' ')}`, '/dev/null']
  const child = spawn('/usr/bin/script', args, { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.stdin.write('\u0003')
  const [exit, rest] = await Promise.all([once(child, 'exit'), text(child.stdout)])
  assert.deepEqual(exit, [7, null])
  assert.match(rest, /SIGINT 1\r?\n/)
})
