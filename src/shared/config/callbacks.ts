import type { ConfigProblem } from '../errors.ts'
import { type Network, parseNetwork } from '../ip-network.ts'
import { HOST } from './network.ts'
import { type Form, Settings } from './settings.ts'
import type { YamlSection } from './yaml-section.ts'

/** Callbacks tell a caller's server how its request goes. */
export interface CallbackConfig {
  /** Absolute: one secret a line. Only workers read it, and again for each callback. */
  readonly secretsFile: string
  /** Where callbacks may go beside the public internet. */
  readonly allow: readonly Allowance[]
  /** Milliseconds for one callback, from the name's lookup to the end of the answer. */
  readonly timeoutMs: number
}

/** A host that the operator vouches for by name, or the addresses of a network. */
export type Allowance =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'network'; readonly network: Network }

/** @returns null where the file says nothing of callbacks: then none is sent */
export function readCallbacks(
  section: YamlSection,
  given: boolean,
  problems: ConfigProblem[],
): CallbackConfig | null {
  const settings = new Settings([section], problems)
  const secretsFile = settings.path('secretsFile')
  const allow = section.has('allow') ? settings.list('allow', ALLOWANCE) : []
  const timeoutMs = settings.integer('timeoutMs', { fallback: 10_000, min: 100, max: 60_000 })
  if (!given) return null
  if (secretsFile === undefined) {
    settings.refuse(settings.nameOf('secretsFile'), 'missing; expected a file, one secret a line.')
    return null
  }
  return { secretsFile, allow, timeoutMs }
}

/** A host's name as URLs have it: in lower case, without the root's dot. */
export function canonicalHost(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

const ALLOWANCE: Form<Allowance> = {
  expected: 'a host name, an address or a network such as 10.20.0.0/16, without scheme and port',
  parse: (text) => {
    const network = parseNetwork(text)
    if (network !== undefined) return { kind: 'network', network }
    // A name whose last part is a number is an address in an unusual notation, to URLs.
    const isName = HOST.parse(text) !== undefined && !/(^|\.)\d+\.?$/.test(text)
    return isName ? { kind: 'host', host: canonicalHost(text) } : undefined
  },
}
