import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { SourceError } from '../../shared/base/errors.ts'
import type { SourcesConfig } from '../../shared/config/config.ts'
import { maskedUrl } from '../../shared/contract/sources/http.ts'
import type { StoredList } from '../../shared/contract/sources/sources.ts'
import type { Fingerprint } from '../../shared/store/ledger/planning.ts'
import type { Resolve } from '../outbound/guard.ts'
import { decompress } from './decompress.ts'
import { download } from './http/download.ts'
import { get } from './http/get.ts'
import { fingerprintOf } from './http/version.ts'
import { limited } from './limit.ts'
import type { SourceReading } from './source.ts'

interface HttpReading extends Pick<SourceReading, 'notes' | 'signal'> {
  readonly settings: Pick<SourcesConfig, 'origins' | 'publicUrls' | 'maxBytes'>
}

/** Replaced by tests. */
interface HttpEnvironment {
  readonly clock?: Clock
  readonly resolve?: Resolve
  readonly stallMs?: number
}

/**
 * A list that a server sends, plain or compressed with gzip or zstd.
 *
 * Uses no proxy: it would look up the name itself, so its address could not be judged.
 */
export function openHttp(
  { url }: Extract<StoredList, { readonly type: 'http' }>,
  { settings, notes, signal }: HttpReading,
  { clock = systemClock, resolve, ...rest }: HttpEnvironment = {},
): AsyncIterable<Uint8Array> {
  const name = maskedUrl(url)
  const assertSame = async (note: 'seen' | 'content', found: Fingerprint) => {
    if ((await notes.pin(note, found)) === 'other') throw otherContent(name, found)
  }
  const bytes = download({
    ...{ name, clock, signal, maxBytes: settings.maxBytes, ...rest },
    get: (headers) => get(url, headers, { settings, resolve, signal }),
    opened: async (version) => {
      const seen = fingerprintOf(version)
      if (seen !== null) await assertSame('seen', seen)
    },
    ended: (content) => assertSame('content', { ...content }),
  })
  return limited(decompress(bytes, name), name, settings.maxBytes)
}

function otherContent(name: string, found: Fingerprint): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${name} changed since the first attempt to plan it, which a crash interrupted: found ${JSON.stringify(found)}. ` +
      'Submit it again under a new id.',
  )
}
