import { isDeepStrictEqual } from 'node:util'
import type { ConfigProblem } from '../base/errors.ts'
import type { UrlPattern } from '../base/url-pattern.ts'
import type { YamlSection } from './config-file.ts'
import { type Allowance, narrowest } from './network.ts'
import { SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

/** Callbacks report a request's progress to a caller's server. */
export interface CallbackConfig {
  /** Allowed receivers; a URL that matches none is not called. */
  readonly receivers: readonly Receiver[]
  /** Where callbacks may go besides the public internet. */
  readonly allow: readonly Allowance[]
  /** Milliseconds for one callback, from the DNS lookup to the end of the answer. */
  readonly timeoutMs: number
}

/** A receiver with its own secret, so that nobody else can sign its callbacks. */
export interface Receiver {
  readonly name: string
  readonly url: UrlPattern
  /** Absolute path: one secret per line. Only workers read it, and re-read it for each callback. */
  readonly secretsFile: string
}

/** @returns null if the file has no callbacks section: then none are sent */
export function readCallbacks(
  section: YamlSection,
  given: boolean,
  problems: ConfigProblem[],
): CallbackConfig | null {
  const settings = new Settings(SETTINGS.callbacks, [section], problems)
  const receivers = readReceivers(section.section('receivers'), problems)
  const config = { receivers, ...settings.all() }
  if (!given) return null
  if (!section.has('receivers')) {
    const message = 'missing; expected receivers by name, each with url and secretsFile.'
    settings.refuse(section.nameOf('receivers'), message)
  }
  return config
}

function readReceivers(section: YamlSection, problems: ConfigProblem[]): readonly Receiver[] {
  const found: Receiver[] = []
  for (const [name, own] of section.sections()) {
    const settings = new Settings(SETTINGS.receiver, [own], problems)
    const { url, secretsFile } = settings.all()
    if (secretsFile === undefined) {
      settings.refuse(own.nameOf('secretsFile'), 'missing; expected a file, one secret a line.')
    }
    const twin = found.find((other) => url !== undefined && isDeepStrictEqual(other.url, url))
    if (twin !== undefined) {
      settings.refuse(own.nameOf('url'), `the same as that of ${twin.name}.`)
    }
    if (url !== undefined && secretsFile !== undefined) found.push({ name, url, secretsFile })
  }
  return found
}

/** The most specific receiver that matches a URL; null if none does. */
export function receiverOf(url: string, receivers: readonly Receiver[]): Receiver | null {
  const parsed = URL.parse(url)
  return parsed && (narrowest(parsed, receivers) ?? null)
}
