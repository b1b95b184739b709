import type { ConfigProblem } from '../base/errors.ts'
import { CONFIGURED_NAME } from '../contract/sources/kind.ts'
import type { YamlSection } from './config-file.ts'
import { SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

/** A database of `postgres` sources. */
export interface PostgresConnection {
  /** As requests name it. */
  readonly name: string
  readonly server: PostgresServer
  /** PEM of the authorities that the server's certificate is checked against; else Node's own. */
  readonly ca: string | undefined
  /** Milliseconds until a connection is open. */
  readonly connectMs: number
  /** Milliseconds that a query may take, until its last row is read. */
  readonly queryMs: number
}

/** What a connection URL says. */
interface PostgresServer {
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Empty: none. */
  readonly password: string
  readonly sslmode: SslMode
}

/** As in libpq, without the modes that fall back to a connection without TLS. */
type SslMode = (typeof SSL_MODES)[number]
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const

/**
 * @param isUsed whether this process opens sources. A producer may share the file without having the
 *   secrets; it gets no connections.
 */
export async function readConnections(
  section: YamlSection,
  isUsed: boolean,
  problems: ConfigProblem[],
): Promise<ReadonlyMap<string, PostgresConnection>> {
  const found = new Map<string, PostgresConnection>()
  for (const [name, own] of section.sections()) {
    const settings = new Settings(SETTINGS.connection, [own], problems)
    if (!CONFIGURED_NAME.test(name)) {
      const message = 'expected 1 to 64 letters, digits, "_", "." or "-" as a name.'
      settings.refuse(section.nameOf(name), message)
    }
    if (!isUsed) continue
    const server = await readServer(settings)
    const ca = await settings.secret('ca')
    const { connectMs, queryMs } = settings.all()
    if (server !== undefined) found.set(name, { name, server, ca, connectMs, queryMs })
  }
  return found
}

type ConnectionSettings = Settings<typeof SETTINGS.connection>

async function readServer(settings: ConnectionSettings): Promise<PostgresServer | undefined> {
  const given = settings.namesOf('url')
  const setting = settings.nameOf('url')
  if (given.length === 0) return settings.refuse(setting, `missing; ${EXPECTED}, or urlFile.`)
  const text = await settings.secret('url')
  if (text === undefined) return undefined
  const server = parsePostgresUrl(text)
  return typeof server === 'string' ? settings.refuse(given[0] ?? setting, server) : server
}

const EXPECTED = 'expected postgres://user:password@host:5432/database'
const HIDDEN = 'got something else (not shown: it may hold a secret)'

/**
 * The parts of a connection URL, or what is wrong with it. Only `sslmode` and, for a Unix socket,
 * `host` may follow it: other parameters would change what a query does, or where it runs.
 */
export function parsePostgresUrl(text: string): PostgresServer | string {
  // Node's URL has no host for `postgres:///db`, and libpq takes user and password without one.
  const url = URL.parse(
    text.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=\/)/, '$1socket.invalid'),
  )
  const isPostgres = url !== null && /^postgres(?:ql)?:$/.test(url.protocol)
  if (!isPostgres || url.hash !== '' || /\s/.test(text)) return `${EXPECTED}, ${HIDDEN}.`
  const unknown = [...url.searchParams.keys()].filter((key) => key !== 'sslmode' && key !== 'host')
  if (unknown.length > 0) {
    return `expected no parameter but sslmode and host behind the database, got ${unknown.join(', ')}.`
  }
  const parts = [url.username, url.password, url.pathname.slice(1)].map(decoded)
  const [user, password, database] = parts
  if (password === undefined || !user || !database || database.includes('/')) {
    return `${EXPECTED}, with special characters percent-encoded, ${HIDDEN}.`
  }
  const socket = url.searchParams.get('host')
  const isSocket = url.hostname === 'socket.invalid'
  if (isSocket !== (socket !== null) || (socket !== null && !socket.startsWith('/'))) {
    return `${EXPECTED}, or postgres://user@/database?host=/folder/of/the/socket, ${HIDDEN}.`
  }
  const host = socket ?? url.hostname.replace(/^\[(.*)\]$/, '$1')
  const sslmode = sslModeOf(url.searchParams.get('sslmode'), host)
  if (sslmode === undefined) return `sslmode: expected one of ${SSL_MODES.join(', ')}.`
  return { host, port: Number(url.port || 5432), database, user, password, sslmode }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** This machine needs no TLS; every other server has to prove who it is, unless the URL says less. */
function sslModeOf(given: string | null, host: string): SslMode | undefined {
  if (given !== null) return SSL_MODES.find((mode) => mode === given)
  const isHere = host.startsWith('/') || /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)
  return isHere ? 'disable' : 'verify-full'
}
