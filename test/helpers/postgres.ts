import { execFile, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, existsSync, globSync, openSync, rmSync } from 'node:fs'
import {
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'
import { type Packaged, unpackDebianPackage } from '../../src/cli/embedded-redis/debian-package.ts'
import { cacheFolder, privateDirectory } from '../../src/cli/embedded-redis/private-directory.ts'
import { messageOf } from '../../src/shared/base/errors.ts'
import type { PostgresConnection, SourcesConfig } from '../../src/shared/config/config.ts'
import { parsePostgresUrl } from '../../src/shared/config/postgres.ts'
import { selfSigned } from './certificate.ts'
import { NO_SOURCES } from './config.ts'
import { freePort } from './free-port.ts'

const run = promisify(execFile)

export interface TestPostgres {
  readonly port: number
  /** Certificate of the server, which is for `localhost`. */
  readonly ca: string
  readonly password: string
  /** For a role that may read what everybody may. */
  url(settings?: UrlParts): string
  /** As superuser, through the socket. */
  admin<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** A table `id text` of the rows of a CSV with that header, readable for the role. */
  load(table: string, csv: Readable): Promise<void>
  /** Its rows, as COPY alone sends them. */
  unload(table: string): AsyncIterable<Uint8Array>
  /** A name that no other test uses: of a table, a role or a database. */
  unique(word: string): string
}

/** The section `sources` of a worker whose connection `warehouse` has this URL. */
export function warehouseAt(url: string, given: Partial<PostgresConnection> = {}): SourcesConfig {
  const server = parsePostgresUrl(url)
  if (typeof server === 'string') throw new Error(server)
  const defaults = { name: 'warehouse', server, ca: undefined, connectMs: 5000, queryMs: 60_000 }
  const connections = new Map([['warehouse', { ...defaults, ...given }]])
  return { ...NO_SOURCES, connections }
}

interface UrlParts {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
  /** `sslmode=disable` */
  readonly query?: string
}

/** A server in a process of its own, for as long as this process lives. */
let common: Promise<TestPostgres> | undefined

/**
 * A real PostgreSQL for tests, shared by all of a process: name tables, roles and databases by
 * `unique`. It listens on 127.0.0.1, with TLS and passwords, and on a socket for the superuser.
 * Clients over TCP are those of `url`.
 */
export function startPostgres(): Promise<TestPostgres> {
  common ??= start()
  return common
}

const IS_CI = !['', 'false'].includes(process.env['CI'] ?? '')

/**
 * For `test(title, { skip: await postgresUnavailable() }, …)`: why there is no PostgreSQL here, or
 * false. Under CI it throws instead: there a missing part is a failure.
 */
export async function postgresUnavailable(): Promise<string | false> {
  const answer = await find()
  if (!('problem' in answer)) return false
  const reason = `No PostgreSQL: ${answer.problem}`
  if (IS_CI) throw new Error(reason)
  return reason
}

/** The programs of one version. */
interface Programs {
  /** The folder of `postgres` and `initdb`. */
  readonly bin: string
  /** `15.18` */
  readonly version: string
  readonly env: { readonly LD_LIBRARY_PATH?: string }
  /** The root of an unpacked package, which other users cannot read; null: installed. */
  readonly root: string | null
}

let found: ReturnType<typeof look> | undefined

function find(): ReturnType<typeof look> {
  found ??= look()
  return found
}

/** Those on the PATH or where Debian installs them, else of Debian's package, as the tests' Redis. */
async function look(): Promise<Programs | { readonly problem: string }> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter)
  for (const bin of [...onPath, ...installedIn('/usr')]) {
    if (!existsSync(join(bin, 'initdb'))) continue
    const programs = await probe(bin, {}, null)
    if (!('problem' in programs)) return programs
  }
  const log = (line: string) => console.error(`# ${line}`)
  return unpackDebianPackage(DEBIAN_POSTGRES, { env: process.env, log })
}

const DEBIAN_POSTGRES: Packaged<Programs> = {
  title: 'PostgreSQL server',
  name: 'postgresql',
  packages: ['postgresql'],
  megabytes: 60,
  find: async (root) => {
    const [bin] = installedIn(join(root, 'usr'))
    if (bin === undefined) return { problem: 'it brought no server' }
    const libraries = globSync(['usr/lib/*-linux-*', 'lib/*-linux-*'], { cwd: root })
    const env = { LD_LIBRARY_PATH: libraries.map((path) => join(root, path)).join(delimiter) }
    return probe(bin, env, root)
  },
}

/** The newest first. */
const installedIn = (usr: string): string[] =>
  globSync(join(usr, 'lib/postgresql/*/bin')).sort().reverse()

async function probe(
  bin: string,
  env: Programs['env'],
  root: string | null,
): Promise<Programs | { readonly problem: string }> {
  try {
    const { stdout } = await run(join(bin, 'postgres'), ['--version'], { env: { ...env } })
    const [, version] = /\(PostgreSQL\) (\d+\.\d+)/.exec(stdout) ?? []
    return version === undefined
      ? { problem: `${bin}/postgres does not tell its version` }
      : { bin, version, env, root }
  } catch (error) {
    return { problem: `${bin}/postgres does not start: ${messageOf(error).trim()}` }
  }
}

const IS_ROOT = process.getuid?.() === 0
/** PostgreSQL refuses to run as root. */
const SERVER_USER = IS_ROOT ? { uid: 65_534, gid: 65_534 } : {}

async function start(): Promise<TestPostgres> {
  const answer = await find()
  if ('problem' in answer) throw new Error(answer.problem)
  const folder = await mkdtemp(join(tmpdir(), 'expunge-test-postgres-'))
  process.once('exit', () => removeNow(folder))
  const programs = await readable(answer, folder)
  const data = join(folder, 'data')
  await cp(await template(programs, folder), data, { recursive: true, preserveTimestamps: true })
  const { key, cert: ca } = selfSigned('localhost')
  await Promise.all([
    writeFile(join(data, 'server.key'), key, { mode: 0o600 }),
    writeFile(join(data, 'server.crt'), ca),
    writeFile(join(data, 'pg_hba.conf'), CLIENTS),
  ])
  await giveAway(folder)
  const port = await startServer(programs, folder, data)
  return connected({ folder, port, ca })
}

/** The server that ends now still removes files of its own, which can make a removal fail. */
function removeNow(folder: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let triesLeft = 50; triesLeft > 0 && existsSync(folder); triesLeft--) {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      Atomics.wait(pause, 0, 0, 20)
    }
  }
}

/** Who may connect: `tls_only` takes no connection without TLS, `no_tls` none with it. */
const CLIENTS = `local all postgres trust
hostnossl tls_only all all reject
hostssl no_tls all all reject
host all all 127.0.0.1/32 scram-sha-256
`

/** Programs that the server's user can read: those in root's cache are copied, without the JIT. */
async function readable(programs: Programs, folder: string): Promise<Programs> {
  const { root, bin } = programs
  if (root === null || !IS_ROOT) return programs
  const copy = join(folder, 'root')
  const filter = (path: string) => !/llvm|perl|python|\/doc\/|\/locale\//i.test(path)
  await cp(root, copy, { recursive: true, filter, verbatimSymlinks: true })
  const moved = (path: string) => path.replaceAll(root, copy)
  const LD_LIBRARY_PATH = moved(programs.env.LD_LIBRARY_PATH ?? '')
  return { ...programs, bin: moved(bin), env: { LD_LIBRARY_PATH } }
}

/**
 * An empty cluster, made once for a version and kept in the cache: copying it takes 0.1 s, making
 * one at least 0.5 s.
 */
async function template(programs: Programs, folder: string): Promise<string> {
  const cache = cacheFolder(process.env)
  const isPrivate = await privateDirectory(cache, '').then(
    () => true,
    () => false,
  )
  const kept = join(cache, `postgres-template-${programs.version}-${process.arch}`)
  if (isPrivate && existsSync(kept)) return kept
  const made = join(folder, 'made')
  await mkdir(made)
  await giveAway(folder)
  const how = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C']
  await run(
    join(programs.bin, 'initdb'),
    [...how, '--no-sync', '--wal-segsize=1', '--pgdata', made],
    { ...SERVER_USER, env: environmentOf(programs) },
  )
  if (!isPrivate) return made
  const draft = `${kept}.${process.pid}`
  await cp(made, draft, { recursive: true, preserveTimestamps: true })
  await rm(made, { recursive: true })
  // Another process may have been faster.
  await rename(draft, kept).catch(() => rm(draft, { recursive: true }))
  return kept
}

const environmentOf = ({ env, bin }: Programs) => ({
  PATH: `${bin}:/usr/bin:/bin`,
  LC_ALL: 'C',
  ...env,
})

async function giveAway(folder: string): Promise<void> {
  const { uid, gid } = SERVER_USER
  if (uid === undefined || gid === undefined) return
  await chown(folder, uid, gid)
  for (const name of await readdir(folder, { recursive: true })) {
    await chown(join(folder, name), uid, gid).catch(() => {})
  }
}

// As in mortal.ts: if this process is killed, the pipe ends, and the server with it. QUIT lets it
// remove its shared memory, and waits for nobody.
const UNDER_WATCH = '{ read -r _ <&3 || kill -QUIT $$; } 2>/dev/null & exec "$@" 3<&-'

async function startServer(programs: Programs, folder: string, data: string): Promise<number> {
  for (let triesLeft = 5; ; triesLeft--) {
    const port = await freePort()
    const logFile = join(folder, `log-${port}`)
    const log = openSync(logFile, 'a', 0o600)
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: folder,
      ssl: 'on',
      ...{ fsync: 'off', full_page_writes: 'off', autovacuum: 'off', jit: 'off' },
      ...{ shared_buffers: '16MB', max_connections: 60, log_statement: 'none' },
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(
      '/bin/sh',
      ['-c', UNDER_WATCH, 'sh', join(programs.bin, 'postgres'), '-D', data, ...args],
      { ...SERVER_USER, env: environmentOf(programs), stdio: ['ignore', log, log, 'pipe'] },
    )
    closeSync(log)
    const watch = child.stdio[3]
    if (!(watch instanceof Socket)) throw new TypeError('Expected a pipe.')
    watch.on('error', () => {}).unref()
    child.unref()
    // Before its folder is removed.
    process.prependOnceListener('exit', () => child.kill('SIGQUIT'))
    const exited = new Promise<'exited'>((resolve) => child.once('exit', () => resolve('exited')))
    for (;;) {
      if (await answers(folder, port)) return port
      if ((await Promise.race([exited, delay(20)])) !== 'exited') continue
      const said = await readFile(logFile, 'utf8')
      if (triesLeft > 0 && said.includes('Address already in use')) break
      throw new Error(`postgres ended at once:\n${said}`)
    }
  }
}

async function answers(folder: string, port: number): Promise<boolean> {
  if (!existsSync(join(folder, `.s.PGSQL.${port}`))) return false
  const client = superuser(folder, port)
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  )
}

const superuser = (host: string, port: number) =>
  new pg.Client({ host, port, user: 'postgres', database: 'postgres' })

async function connected(server: {
  readonly folder: string
  readonly port: number
  readonly ca: string
}): Promise<TestPostgres> {
  const { folder, port, ca } = server
  const password = randomBytes(12).toString('hex')
  const admin: TestPostgres['admin'] = async <Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ) => {
    const client = superuser(folder, port)
    await client.connect()
    try {
      const { rows } = await client.query<Row>(sql, [...values])
      return rows
    } finally {
      await client.end()
    }
  }
  const copying = async function* (sql: string) {
    const client = superuser(folder, port)
    await client.connect()
    try {
      yield* client.query(to(sql))
    } finally {
      await client.end()
    }
  }
  await admin(`CREATE ROLE reader LOGIN PASSWORD '${password}'`)
  await Promise.all(['tls_only', 'no_tls'].map((name) => admin(`CREATE DATABASE ${name}`)))
  return {
    port,
    ca,
    password,
    admin,
    load: async (table, csv) => {
      await admin(`CREATE TABLE ${table} (id text); GRANT SELECT ON ${table} TO reader`)
      const client = superuser(folder, port)
      await client.connect()
      await pipeline(csv, client.query(from(`COPY ${table} FROM STDIN (FORMAT csv, HEADER)`)))
      await client.end()
    },
    unload: (table) => copying(`COPY ${table} TO STDOUT`),
    url: (given = {}) => {
      const parts = {
        host: '127.0.0.1',
        port,
        user: 'reader',
        password,
        database: 'postgres',
        ...given,
      }
      const query = parts.query === undefined ? '' : `?${parts.query}`
      return `postgres://${parts.user}:${parts.password}@${parts.host}:${parts.port}/${parts.database}${query}`
    },
    unique: (word) => `${word}_${randomUUID().replaceAll('-', '')}`,
  }
}
