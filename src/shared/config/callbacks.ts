import { isDeepStrictEqual } from 'node:util'
import type { ConfigProblem } from '../base/errors.ts'
import type { YamlSection } from './config-file.ts'
import { type Allowance, narrowest, type UrlPattern } from './network.ts'
import { SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

/** Callbacks tell a caller's server how its request goes. */
export interface CallbackConfig {
  /** Whom callbacks are sent to; a URL that none of them matches is not called. */
  readonly receivers: readonly Receiver[]
  /** Where callbacks may go beside the public internet. */
  readonly allow: readonly Allowance[]
  /** Milliseconds for one callback, from the name's lookup to the end of the answer. */
  readonly timeoutMs: number
}

/** Who has a secret of their own, so that nobody else can sign what they are told. */
export interface Receiver {
  readonly name: string
  readonly url: UrlPattern
  /** Absolute: one secret a line. Only workers read it, and again for each callback. */
  readonly secretsFile: string
}

/** @returns null where the file says nothing of callbacks: then none is sent */
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

/** Of the receivers that a URL matches the one that is named most narrowly; null: none is for it. */
export function receiverOf(url: string, receivers: readonly Receiver[]): Receiver | null {
  const parsed = URL.parse(url)
  return parsed && (narrowest(parsed, receivers) ?? null)
}
