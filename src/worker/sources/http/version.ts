import type { IncomingHttpHeaders } from 'node:http'
import type { Fingerprint } from '../../../shared/store/ledger/planning.ts'

/** What a server tells about the version of an object that it sends. */
export interface Version {
  /** As sent; weak ones begin with `W/`. */
  readonly etag: string | null
  readonly lastModified: string | null
  /** Size of the whole object, in the encoding that it is sent in; null if it is not announced. */
  readonly bytes: number | null
  /** `Content-Encoding`; empty for none. Ranges count encoded bytes. */
  readonly encoding: string
  /** Identifies exactly these bytes, for `If-Range`; null if nothing does. */
  readonly validator: string | null
}

/** @param bytes size of the whole object, if known */
export function versionOf(headers: IncomingHttpHeaders, bytes: number | null): Version {
  const { etag = null, 'last-modified': lastModified = null } = headers
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  const validator = isStrong(etag) ? etag : isSettled(headers) ? lastModified : null
  return {
    ...{ etag, lastModified, bytes, validator },
    encoding: encoding === 'identity' ? '' : encoding,
  }
}

const isStrong = (etag: string | null): etag is string => etag?.startsWith('"') ?? false

/** Within its second, an object may change again under the same Last-Modified; clocks differ too. */
const SETTLED_AFTER_MS = 60_000

/** Whether Last-Modified identifies the bytes (RFC 9110, section 8.8.2.2). */
function isSettled({ date, 'last-modified': modified }: IncomingHttpHeaders): boolean {
  return Date.parse(date ?? '') - Date.parse(modified ?? '') >= SETTLED_AFTER_MS
}

/**
 * How a later answer differs from the first; null if nothing that both tell does.
 *
 * @returns the two values, for a message
 */
export function difference(
  first: Version,
  later: Version,
): { readonly expected: string; readonly found: string } | null {
  for (const [field, name] of COMPARED) {
    const [expected, found] = [first[field], later[field]]
    if (expected === null || found === null || expected === found) continue
    return { expected: `${name} ${expected || 'none'}`, found: `${found || 'none'}` }
  }
  return null
}

const COMPARED = [
  ['etag', 'ETag'],
  ['lastModified', 'Last-Modified'],
  ['bytes', 'size'],
  ['encoding', 'Content-Encoding'],
] as const

/** What must be the same when a later planning attempt reads the object; null if nothing tells. */
export function fingerprintOf({ etag, lastModified, bytes }: Version): Fingerprint | null {
  if (isStrong(etag)) return { etag }
  return lastModified === null ? null : { lastModified, bytes }
}

/** `Content-Range: bytes 100-199/1000`; null if it is anything else, or the size is unknown. */
export function parseContentRange(
  header: string | undefined,
): { readonly from: number; readonly to: number; readonly bytes: number } | null {
  const [, from, to, bytes] = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(header?.trim() ?? '') ?? []
  const range = { from: Number(from), to: Number(to), bytes: Number(bytes) }
  return range.from <= range.to && range.to < range.bytes ? range : null
}

/** `Content-Length`; null if there is none. */
export function parseLength(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
