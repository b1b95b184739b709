import type { ConfigProblem } from '../base/errors.ts'
import type { YamlSection } from './config-file.ts'
import { field } from './fields.ts'
import { Settings } from './settings.ts'

/** A server of `http` sources. It may have any address, also a private one, and plain http. */
export interface SourceOrigin {
  /** Sent to this origin only; secrets. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The section `sources.origins`: by origin, its headers.
 *
 * @param needsSecrets false in processes that read no sources: their machine may lack the files
 */
export async function readOrigins(
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
