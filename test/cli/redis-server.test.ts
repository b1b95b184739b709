import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findRedisServer } from '../../src/cli/embedded-redis/find-server.ts'

const FIND = fileURLToPath(new URL('../../src/cli/embedded-redis/find-server.ts', import.meta.url))

interface Machine {
  readonly bin: string
  readonly env: { readonly PATH: string; readonly HOME: string }
  readonly lines: string[]
  install(name: string, script: string): Promise<void>
  find(): ReturnType<typeof findRedisServer>
}

/** A machine whose PATH holds a shell's few needs and what the test installs. */
async function machine(t: TestContext): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge machine '))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const bin = join(folder, 'bin')
  const env = { PATH: bin, HOME: join(folder, 'home') }
  const lines: string[] = []
  await mkdir(bin)
  for (const tool of ['mkdir', 'chmod', 'sleep']) await symlink(`/bin/${tool}`, join(bin, tool))
  return {
    bin,
    env,
    lines,
    install: (name, script) =>
      writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    find: () => findRedisServer({ env, log: (line) => lines.push(line) }),
  }
}

/** Stand-ins for apt-get and dpkg-deb: the "package" is a program that only says its version. */
async function installApt(
  { bin, install }: Machine,
  version = 'Redis server v=7.0.15 x',
): Promise<void> {
  await install(
    'apt-get',
    `echo "$@" >> '${bin}/calls'
    case "$*" in
      *update) sleep 0.3 ;; # as a network would: long enough for others to come along
      *install*)
      : > "\${2%/*}/archives/package.deb" ;;
    esac`,
  )
  await install(
    'dpkg-deb',
    `[ "$1" = --version ] && exit
    mkdir -p "$3/usr/bin"
    printf '#!/bin/sh\\necho ${version}\\n' > "$3/usr/bin/redis-server"
    chmod +x "$3/usr/bin/redis-server"`,
  )
}

const updates = async ({ bin }: Machine): Promise<number> =>
  (await readFile(join(bin, 'calls'), 'utf8')).split('\n').filter((call) => call.endsWith('update'))
    .length

test('a server on the PATH is taken as it is', async (t) => {
  const here = await machine(t)
  await here.install('redis-server', 'echo Redis server v=6.2.14 sha=0')
  const found = await here.find()
  assert.deepEqual(found, {
    command: join(here.bin, 'redis-server'),
    kind: 'redis',
    version: '6.2.14',
    env: {},
    origin: 'PATH',
  })
  assert.deepEqual(here.lines, [])
})

test('a Redis that is too old is skipped, with a word, for a Valkey', async (t) => {
  const here = await machine(t)
  await here.install('redis-server', 'echo Redis server v=6.0.16 sha=0')
  await here.install('valkey-server', 'echo Valkey server v=8.1.1 sha=0')
  const { kind, version } = await here.find()
  assert.deepEqual({ kind, version }, { kind: 'valkey', version: '8.1.1' })
  assert.deepEqual(here.lines, [
    `Skipped: ${join(here.bin, 'redis-server')} is Redis 6.0.16, older than 6.2.`,
  ])
})

test('without server and without apt the error says what to install', async (t) => {
  const here = await machine(t)
  await here.install('valkey-server', 'echo Valkey server v=7.2.5 sha=0')
  await here.install('redis-server', 'exit 127')
  await assert.rejects(here.find(), (error: unknown) => {
    assert(error instanceof Error && 'code' in error)
    assert.equal(error.code, 'REDIS_SERVER_NOT_FOUND')
    for (const part of [
      'redis-server does not start',
      'valkey-server is Valkey 7.2.5, older than 8.0',
      'no apt-get and dpkg-deb',
      'apt-get install redis-server',
      'brew install redis',
      'REDIS_URL',
    ]) {
      assert(error.message.includes(part), `${part} in: ${error.message}`)
    }
    return true
  })
})

test('the package is fetched into the cache once', async (t) => {
  const here = await machine(t)
  await installApt(here)
  const first = await here.find()
  const cache = join(here.env.HOME, '.cache/expunge')
  assert.equal(first.version, '7.0.15')
  assert(first.command.startsWith(cache))
  assert.equal((await stat(cache)).mode & 0o777, 0o700)
  assert.equal(here.lines.length, 2)

  assert.deepEqual(await here.find(), first)
  assert.equal(await updates(here), 1)
  assert.equal(here.lines.length, 2)
})

test('a cached server that no longer starts is fetched again', async (t) => {
  const here = await machine(t)
  await installApt(here)
  const { command } = await here.find()
  await writeFile(command, '#!/bin/sh\nexit 127\n')
  assert.equal((await here.find()).version, '7.0.15')
  assert.equal(await updates(here), 2)
})

test('processes that start together fetch the package once', async (t) => {
  const here = await machine(t)
  await installApt(here)
  const script = `import { findRedisServer } from ${JSON.stringify(FIND)}
    const { version } = await findRedisServer({ env: process.env, log: () => {} })
    process.stdout.write(version)`
  const found = [1, 2, 3].map(async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: here.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return await text(child.stdout)
  })
  assert.deepEqual(await Promise.all(found), ['7.0.15', '7.0.15', '7.0.15'])
  assert.equal(await updates(here), 1)
})

test('a package that is too old is refused and leaves nothing half done', async (t) => {
  const here = await machine(t)
  await installApt(here, 'Redis server v=6.0.16 x')
  await assert.rejects(here.find(), {
    code: 'REDIS_SERVER_NOT_FOUND',
    message: /redis-server: .*is Redis 6\.0\.16, older than 6\.2/,
  })
  const left = await readdir(join(here.env.HOME, '.cache/expunge'))
  assert.deepEqual(
    left.filter((name) => !name.endsWith('.lock')),
    [],
  )
})

/** A program in the server's place that leaves a mark where it is run. */
async function plant(command: string, mark: string): Promise<void> {
  await writeFile(command, `#!/bin/sh\n: > '${mark}'\necho Redis server v=7.0.15 planted\n`)
}

/** Where the cache folder is no good, the temporary folder is next. */
async function ownTemporaryFolder(t: TestContext, { env: { HOME } }: Machine): Promise<void> {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = await mkdtemp(`${HOME}-tmp`)
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  })
}

test('a server in a cache that others could write to is never run', async (t) => {
  const here = await machine(t)
  await installApt(here)
  await ownTemporaryFolder(t, here)
  const { command } = await here.find()
  const cache = join(here.env.HOME, '.cache/expunge')
  const mark = join(here.bin, 'ran')
  await plant(command, mark)
  await chmod(cache, 0o777)
  const found = await here.find()
  assert.ok(!found.command.startsWith(cache), found.command)
  assert.match(here.lines.join('\n'), /must be a private folder, .*other users can write to it/)
  assert.deepEqual((await readdir(here.bin)).includes('ran'), false)

  // The folder itself is private again, but one above it is not.
  await chmod(cache, 0o700)
  await chmod(join(here.env.HOME, '.cache'), 0o777)
  assert.ok(!(await here.find()).command.startsWith(cache))
  assert.match(here.lines.join('\n'), /\.cache is writable by other users \(mode 0777\)/)
  assert.deepEqual((await readdir(here.bin)).includes('ran'), false)
})

test('a file of the cache that others could write, or that has changed, is fetched again', async (t) => {
  const here = await machine(t)
  await installApt(here)
  const { command } = await here.find()
  const mark = join(here.bin, 'ran')
  const spoil: (() => Promise<void>)[] = [
    () => chmod(command, 0o777),
    () => chmod(join(command, '..'), 0o757),
    () => plant(command, mark),
    async () => {
      const elsewhere = join(here.env.HOME, 'open')
      await mkdir(elsewhere)
      await chmod(elsewhere, 0o777)
      await plant(join(elsewhere, 'server'), mark)
      await chmod(join(elsewhere, 'server'), 0o755)
      await rm(command)
      await symlink(join(elsewhere, 'server'), command)
    },
  ]
  if (process.getuid?.() === 0) spoil.push(() => chown(command, 12345, 12345))
  for (const [at, damage] of spoil.entries()) {
    await damage()
    assert.equal((await here.find()).command, command)
    assert.equal(await updates(here), at + 2, here.lines.join('\n'))
    assert.match(here.lines.at(-3) ?? '', /^Not used: /)
  }
  assert.deepEqual((await readdir(here.bin)).includes('ran'), false)
})

test('a cache of an earlier version, without checksums, is used and recorded', async (t) => {
  const here = await machine(t)
  await installApt(here)
  const { command } = await here.find()
  const record = join(command, '../../../SHA256SUMS')
  const recorded = await readFile(record, 'utf8')
  assert.match(recorded, /^[0-9a-f]{64} {2}usr\/bin\/redis-server\n$/)
  await rm(record)
  assert.equal((await here.find()).command, command)
  assert.equal(await updates(here), 1)
  assert.equal(await readFile(record, 'utf8'), recorded)
})
