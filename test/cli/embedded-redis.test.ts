import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  appendFile,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { askRedis, serverInfo } from '../../src/cli/embedded-redis/ask.ts'
import {
  attachEmbeddedRedis,
  startEmbeddedRedis,
} from '../../src/cli/embedded-redis/embedded-redis.ts'
import { Home } from '../../src/cli/embedded-redis/home.ts'
import { isAlive } from '../../src/cli/embedded-redis/orphan.ts'
import { privateDirectory } from '../../src/cli/embedded-redis/private-directory.ts'
import { startRedisProcess } from '../../src/cli/embedded-redis/redis-process.ts'
import { redisUnavailable, server } from '../helpers/redis.ts'

// The limit only turns an endless wait into a failure.
const needsRedis = { skip: await redisUnavailable(), timeout: 60_000 }
const OWNER = fileURLToPath(new URL('fixtures/redis-owner.ts', import.meta.url))

async function temporaryHome(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge home '))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'home')
}

async function start(t: TestContext, home: string, lines: string[] = []) {
  const log = (line: string): number => lines.push(line)
  const redis = await startEmbeddedRedis({ home, env: process.env, log })
  t.after(() => redis.stop())
  return redis
}

const options = (home: string) => ({ home, env: process.env, log: () => {} })
const tell = (redis: { readonly socket: string }, command: string): Promise<string> =>
  askRedis({ path: redis.socket }, command)

async function settings({ socket }: { readonly socket: string }): Promise<string[][]> {
  const client = new Redis({ path: socket })
  const names = ['port', 'appendonly', 'appendfsync', 'save', 'maxmemory-policy']
  const found = await Promise.all(names.map((name) => client.config('GET', name)))
  client.disconnect()
  return z.array(z.array(z.string())).parse(found)
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

/** An owner in another process, leading a process group as a shell's foreground job does. */
async function startOwner(
  t: TestContext,
  home: string,
): Promise<{ owner: ChildProcess; redisPid: number }> {
  const owner = spawn(process.execPath, [OWNER, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  t.after(() => owner.kill('SIGKILL'))
  assert(owner.stdout !== null)
  const [line] = await once(owner.stdout, 'data')
  return { owner, redisPid: Number(line) }
}

test('the server listens on a private socket alone and keeps its data', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const first = await start(t, home)
  assert.equal(await modeOf(dirname(first.socket)), 0o700)
  assert.equal(await modeOf(first.socket), 0o700)
  assert.deepEqual(await settings(first), [
    ['port', '0'],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['save', ''],
    ['maxmemory-policy', 'noeviction'],
  ])
  assert.match(first.version, /^\d+\.\d+\.\d+$/)
  await tell(first, 'SET kept yes')
  await first.stop()
  assert.equal(existsSync(first.socket), false)

  const second = await start(t, home)
  assert.equal(await tell(second, 'GET kept'), 'yes')
})

test('a home that others may read is made private', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  await (await start(t, home)).stop()
  await chmod(home, 0o755)
  await start(t, home)
  assert.equal(await modeOf(home), 0o700)
})

test('a home that others may have put something into is refused', async (t) => {
  const home = await temporaryHome(t)
  await mkdir(home, { mode: 0o700 })
  await writeFile(join(home, 'lock'), '')
  await chmod(home, 0o777)
  const refused = {
    code: 'EMBEDDED_REDIS_HOME',
    message: /it is not empty and other users can write to it.*chmod -R go-w\. .*EXPUNGE_HOME/,
  }
  await assert.rejects(startEmbeddedRedis(options(home)), refused)
  await assert.rejects(attachEmbeddedRedis(options(home)), refused)
  assert.equal(await modeOf(home), 0o777)
})

test('a home below a folder that others may write to is refused', async (t) => {
  const above = await temporaryHome(t)
  await mkdir(above)
  await chmod(above, 0o777)
  const home = join(above, 'home')
  await assert.rejects(startEmbeddedRedis(options(home)), {
    code: 'EMBEDDED_REDIS_HOME',
    message: /home is writable by other users \(mode 0777\)\. Set EXPUNGE_HOME to another folder\./,
  })
  assert.equal(existsSync(home), false)
  // As /tmp is: there nobody can touch the entries of others.
  await chmod(above, 0o1777)
  await assert.doesNotReject(privateDirectory(home, ''))
})

test("somebody else's home is refused", needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    await (await start(t, home)).stop()
    await chown(home, 12345, 12345)
  }
  await assert.rejects(startEmbeddedRedis(options(isRoot ? home : '/usr')), {
    code: 'EMBEDDED_REDIS_HOME',
    message: /belongs to user/,
  })
})

test('a second owner is told who the first is', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const { owner } = await startOwner(t, home)
  await assert.rejects(startEmbeddedRedis(options(home)), {
    code: 'EMBEDDED_REDIS_BUSY',
    message: new RegExp(`process ${owner.pid}.*EXPUNGE_HOME.*REDIS_URL`),
  })
})

test('a killed owner leaves its data and no server', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const { owner, redisPid } = await startOwner(t, home)
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  while (await isAlive(redisPid)) await delay(5)

  const redis = await start(t, home)
  assert.equal(await tell(redis, 'GET owner'), 'was-here')
})

test('Ctrl-C reaches the owner, who may still write and then stops it', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const { owner, redisPid } = await startOwner(t, home)
  assert(owner.pid !== undefined)
  const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(redisPid)], { encoding: 'utf8' })
  assert.notEqual(Number(group), owner.pid)
  process.kill(-owner.pid, 'SIGINT')
  assert.deepEqual(await once(owner, 'exit'), [0, null])
  assert.equal(await isAlive(redisPid), false)
  const redis = await start(t, home)
  assert.equal(await tell(redis, 'GET interrupted'), 'yes')
})

for (const condition of ['answering', 'stopped'] as const) {
  test(`an orphan that is ${condition} is ended before another starts`, needsRedis, async (t) => {
    const home = await temporaryHome(t)
    const { socket, stop } = await start(t, home)
    await stop()
    const { log, pid } = new Home(home)
    const orphan = await startRedisProcess({
      server: await server(),
      address: { path: socket },
      logFile: log,
      args: [
        ...['--port', '0', '--unixsocket', socket, '--dir', home, '--pidfile', pid],
        ...['--appendonly', 'yes', '--save', ''],
      ],
    })
    t.after(() => orphan.kill('SIGKILL'))
    await tell({ socket }, 'SET orphan was-here')
    if (condition === 'stopped') process.kill(orphan.pid, 'SIGSTOP')

    const lines: string[] = []
    const redis = await start(t, home, lines)
    await orphan.exited
    assert.match(lines.join(), new RegExp(`pid ${orphan.pid}.*killed process`))
    assert.equal(await tell(redis, 'GET orphan'), 'was-here')
  })
}

test('a torn end of the append-only file is cut off', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const first = await start(t, home)
  await tell(first, 'SET kept yes')
  await first.stop()
  await appendFile(await appendOnlyFile(home), '*3\r\n$3\r\nSET\r\n$4\r\nto')

  const second = await start(t, home)
  assert.equal(await tell(second, 'GET kept'), 'yes')
})

test(
  'a damaged append-only file is reported with the log, and frees the home',
  needsRedis,
  async (t) => {
    const home = await temporaryHome(t)
    const first = await start(t, home)
    await tell(first, 'SET kept yes')
    await first.stop()
    const file = await appendOnlyFile(home)
    await writeFile(file, 'not what Redis writes\r\n')
    for (const _attempt of [1, 2]) {
      await assert.rejects(startEmbeddedRedis(options(home)), {
        code: 'EMBEDDED_REDIS_FAILED',
        message: /ended while starting \(code 1\)[\s\S]*Bad file format/,
      })
    }
  },
)

async function appendOnlyFile(home: string): Promise<string> {
  const folder = join(home, 'appendonlydir')
  const name = (await readdir(folder)).find((entry) => entry.endsWith('.incr.aof'))
  assert(name !== undefined)
  return join(folder, name)
}

test('a home with a long path gets a socket with a short one', needsRedis, async (t) => {
  const home = join(await temporaryHome(t), 'x'.repeat(120))
  const redis = await start(t, home)
  t.after(() => rm(dirname(redis.socket), { recursive: true, force: true }))
  assert.equal(await modeOf(dirname(redis.socket)), 0o700)
  const guest = await attachEmbeddedRedis(options(home))
  assert.equal(guest?.socket, redis.socket)
})

test('nothing is attached where nothing ever ran', async (t) => {
  const home = await temporaryHome(t)
  assert.equal(await attachEmbeddedRedis(options(home)), null)
  assert.equal(existsSync(home), false)
})

test('a guest of a living run does not stop it', needsRedis, async (t) => {
  const home = await temporaryHome(t)
  const { redisPid } = await startOwner(t, home)
  const guest = await attachEmbeddedRedis(options(home))
  assert(guest !== null)
  assert.equal(await tell(guest, 'GET owner'), 'was-here')
  await guest.stop()
  assert.equal((await serverInfo({ path: guest.socket }))?.pid, redisPid)
})

test(
  'a visit without a run starts the server, and a run waits for its end',
  needsRedis,
  async (t) => {
    const home = await temporaryHome(t)
    const before = await start(t, home)
    await tell(before, 'SET kept yes')
    await before.stop()

    const visit = await attachEmbeddedRedis(options(home))
    assert(visit !== null)
    assert.equal(await tell(visit, 'GET kept'), 'yes')
    const run = start(t, home)
    assert.equal(await Promise.race([run, delay(100, 'waits')]), 'waits')
    await visit.stop()
    assert.equal(await tell(await run, 'GET kept'), 'yes')
  },
)

test(
  'a server that is killed comes back with its data, until it is killed too often',
  needsRedis,
  async (t) => {
    const home = await temporaryHome(t)
    const redis = await start(t, home)
    await tell(redis, 'SET kept yes')
    const address = { path: redis.socket }
    for (const _kill of [1, 2, 3]) {
      const killed = (await serverInfo(address))?.pid
      assert(killed !== undefined)
      process.kill(killed, 'SIGKILL')
      while (((await serverInfo(address))?.pid ?? killed) === killed) await delay(5)
      while ((await tell(redis, 'PING')) !== 'PONG') await delay(5)
    }
    assert.equal(await tell(redis, 'GET kept'), 'yes')
    process.kill((await serverInfo(address))?.pid ?? 0, 'SIGKILL')
    assert.equal((await redis.lost).code, 'EMBEDDED_REDIS_FAILED')
  },
)
