import type { ConfigProblem } from '../base/errors.ts'
import type { SecretFile } from '../base/text-file.ts'
import type { BucketSettings } from '../bucket/settings.ts'
import { CONFIGURED_NAME } from '../contract/sources/kind.ts'
import type { ProxyEnv } from '../salesforce/connections.ts'
import type { YamlSection } from './config-file.ts'
import { field } from './fields.ts'
import { type PostgresConnection, readConnections } from './postgres.ts'
import { SETTINGS } from './schema.ts'
import { Settings, type Values } from './settings.ts'

/** What sources need beyond a request, which names an entry but never holds a credential. */
export interface SourcesConfig extends Values<(typeof SETTINGS)['sources']> {
  /** Servers of `http` sources by origin, such as `https://files.example.com`. */
  readonly origins: ReadonlyMap<string, SourceOrigin>
  /** Buckets of `s3` sources, by the name that requests use. */
  readonly buckets: ReadonlyMap<string, BucketSettings>
  /** Databases of `postgres` sources, by the name that requests use. */
  readonly connections: ReadonlyMap<string, PostgresConnection>
  /** The proxy to buckets. */
  readonly proxyEnv?: ProxyEnv
}

/** A server of `http` sources. It may have any address, also a private one, and plain http. */
interface SourceOrigin {
  /** Sent to this origin only; secrets. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * @param section `sources` of the configuration file
 * @param isUsed whether this process opens sources; only then are their secrets read
 */
export async function readSources(
  section: YamlSection,
  isUsed: boolean,
  problems: ConfigProblem[],
): Promise<SourcesConfig> {
  return {
    ...new Settings(SETTINGS.sources, [section], problems).all(),
    origins: await readOrigins(section.section('origins'), isUsed, problems),
    buckets: await readBuckets(section.section('buckets'), problems),
    connections: await readConnections(section.section('connections'), isUsed, problems),
  }
}

/**
 * The section `sources.origins`: by origin, its headers.
 *
 * @param needsSecrets false in processes that read no sources: their machine may lack the files
 */
async function readOrigins(
  section: YamlSection,
  needsSecrets: boolean,
  problems: ConfigProblem[],
): Promise<ReadonlyMap<string, SourceOrigin>> {
  const origins = new Map<string, SourceOrigin>()
  for (const [name, own] of section.sections()) {
    const headers = await readHeaders(own.section('headers'), needsSecrets, problems)
    const origin = originOf(name)
    const refuse = (message: string) => problems.push({ setting: section.nameOf(name), message })
    if (origin === null) refuse(EXPECTED_ORIGIN)
    else if (origins.has(origin)) refuse(`the origin ${origin} is listed twice.`)
    else origins.set(origin, { headers })
  }
  return origins
}

const EXPECTED_ORIGIN =
  'expected an origin such as https://exports.example.com or http://files.internal:8080, without user, path and query.'

function originOf(text: string): string | null {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return null
  return `${url.origin}/` === url.href && !/[?#]/.test(text) ? url.origin : null
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Headers that the download itself sets, or that belong to the connection. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'expect'],
  ...['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'],
])

async function readHeaders(
  section: YamlSection,
  needsSecrets: boolean,
  problems: ConfigProblem[],
): Promise<Readonly<Record<string, string>>> {
  const names = new Set(section.keys().map((key) => key.replace(/File$/, '')))
  const fields = Object.fromEntries([...names].map((name) => [name, HEADER_VALUE]))
  const settings = new Settings(fields, [section], problems)
  const headers: Record<string, string> = {}
  for (const name of names) {
    if (!HEADER_NAME.test(name) || RESERVED.has(name.toLowerCase())) {
      settings.refuse(section.nameOf(name), 'expected the name of a header that may be set.')
    }
    const value = needsSecrets ? await settings.secret(name) : undefined
    if (value !== undefined) headers[name.toLowerCase()] = value
  }
  return headers
}

const HEADER_VALUE = field.secret({
  expected: 'one line of printable ASCII',
  parse: (given) => (/^[\x20-\x7e]+$/.test(given) ? given : undefined),
})

/**
 * Buckets by the name that requests use. Files with keys are read when a bucket is used, because not
 * every process that shares the file may read them.
 */
async function readBuckets(
  section: YamlSection,
  problems: ConfigProblem[],
): Promise<ReadonlyMap<string, BucketSettings>> {
  const buckets = section
    .sections()
    .map(([name, own]) => readBucket(name, section.nameOf(name), own, problems))
  return new Map((await Promise.all(buckets)).map((bucket) => [bucket.name, bucket]))
}

async function readBucket(
  name: string,
  named: string,
  section: YamlSection,
  problems: ConfigProblem[],
): Promise<BucketSettings> {
  const settings = new Settings(SETTINGS.bucket, [section], problems)
  if (!CONFIGURED_NAME.test(name)) {
    settings.refuse(named, 'expected 1 to 64 letters, digits, "_", "." or "-" as a name.')
  }
  const endpoint = settings.get('endpoint') ?? null
  const pathStyle = settings.get('pathStyle')
  return {
    name,
    bucket: settings.get('bucket') ?? name,
    region: settings.get('region') ?? null,
    endpoint,
    // Servers of one's own rarely have a host name for each bucket.
    pathStyle: pathStyle === undefined ? endpoint !== null : pathStyle === 'true',
    key: await readKey(settings),
  }
}

type BucketSection = Settings<typeof SETTINGS.bucket>

async function readKey(settings: BucketSection): Promise<BucketSettings['key']> {
  const accessKeyId = await readPart(settings, 'accessKeyId')
  const secretAccessKey = await readPart(settings, 'secretAccessKey')
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey }
  }
  const [given] = settings.namesOf('accessKeyId', 'secretAccessKey')
  const missing = accessKeyId === undefined ? 'accessKeyId' : 'secretAccessKey'
  if (given !== undefined && settings.namesOf(missing).length === 0) {
    settings.refuse(
      settings.nameOf(missing),
      "missing; set accessKeyId and secretAccessKey, or neither for AWS's own credentials.",
    )
  }
  return null
}

async function readPart(
  settings: BucketSection,
  key: 'accessKeyId' | 'secretAccessKey',
): Promise<string | SecretFile | undefined> {
  const file = settings.secretFile(key)
  const isGivenOnce = settings.namesOf(key).length === 1
  return file !== undefined && isGivenOnce ? file : settings.secret(key)
}
