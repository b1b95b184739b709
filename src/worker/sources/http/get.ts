import type { IncomingHttpHeaders } from 'node:http'
import got from 'got'
import type { SourcesConfig } from '../../../shared/config/config.ts'
import { maskedUrl } from '../../../shared/contract/sources/http.ts'
import { guard, type Resolve } from '../../outbound/guard.ts'
import { errorOfNetwork, notAllowed, unreadable } from './failure.ts'

/** An answer with any status. Its body is still to be read. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As it comes, not decompressed. Throws if it breaks off. */
  readonly body: AsyncIterable<Uint8Array>
  /** Ends the call at any point. */
  discard(): void
}

interface GetOptions {
  readonly settings: Pick<SourcesConfig, 'origins' | 'publicUrls'>
  readonly resolve?: Resolve | undefined
  readonly signal?: AbortSignal | undefined
}

const MOST_REDIRECTS = 5

/**
 * A GET that follows redirects itself: each target is checked like the first URL, and gets only the
 * headers that the configuration has for its own origin.
 *
 * @param headers `Range` and `If-Range`
 * @throws RefusedError SOURCE_NOT_ALLOWED if the URL, or where it leads, may not be read
 * @throws SourceError, InterruptedError if there was no answer
 * @throws the signal's reason if it aborts
 */
export async function get(
  text: string,
  headers: Readonly<Record<string, string>>,
  options: GetOptions,
): Promise<HttpAnswer> {
  assertListed(text, options)
  let url = text
  let subject: string | undefined
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const answer = await getOnce(url, headers, { ...options, ...(subject && { subject }) })
    const target = redirectOf(answer, url)
    if (target === null) return answer
    answer.discard()
    subject = `Redirect from ${maskedUrl(url)} to`
    url = target
  }
  throw unreadable(maskedUrl(text), `it leads through more than ${MOST_REDIRECTS} redirects`)
}

/** Redirects may lead to unlisted hosts, such as a bucket of signed URLs, but requests may not. */
function assertListed(text: string, { settings: { origins, publicUrls } }: GetOptions): void {
  const { origin } = new URL(text)
  if (publicUrls || origins.has(origin)) return
  throw notAllowed(
    `${origin} is not one of the origins that workers may read (sources.origins in their configuration). Nothing was read.`,
  )
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Where a redirect leads; null for any other answer. */
function redirectOf({ status, headers: { location } }: HttpAnswer, from: string): string | null {
  if (!REDIRECTS.has(status)) return null
  const target = location === undefined ? null : URL.parse(location, from)
  if (target === null) {
    throw unreadable(maskedUrl(from), `the server answered ${status} without a valid Location`)
  }
  return target.href
}

const REMEDY = 'list its origin in sources.origins'

/** Milliseconds. How long a body may take is limited where it is read. */
const TIMEOUTS = { lookup: 15_000, connect: 15_000, secureConnect: 15_000, response: 60_000 }

/**
 * One GET. A redirect is an answer like any other.
 *
 * @param options.subject what leads to the URL, for messages, as in `Download from`
 */
export async function getOnce(
  text: string,
  headers: Readonly<Record<string, string>>,
  {
    settings: { origins },
    resolve,
    signal,
    subject = 'Download from',
  }: GetOptions & { readonly subject?: string },
): Promise<HttpAnswer> {
  const name = maskedUrl(text)
  const failed = (error: unknown) => (signal?.aborted ? signal.reason : errorOfNetwork(name, error))
  signal?.throwIfAborted()
  const allow = [...origins.keys()].map((origin) => ({ kind: 'origin', origin }) as const)
  try {
    const { url, lookup, watch } = guard(text, { subject, remedy: REMEDY, allow, resolve })
    const stream = got.stream(url, {
      // No shared agent: it may use a proxy, or a connection to an earlier address.
      agent: { http: false, https: false },
      dnsLookup: lookup,
      // Ranges count the bytes that are sent, and compression on the fly has none.
      headers: {
        'user-agent': 'expunge',
        'accept-encoding': 'identity',
        ...origins.get(url.origin)?.headers,
        ...headers,
      },
      decompress: false,
      followRedirect: false,
      throwHttpErrors: false,
      retry: { limit: 0 },
      timeout: TIMEOUTS,
      ...(signal && { signal }),
    })
    stream.on('socket', watch)
    const head = await new Promise<{ statusCode: number; headers: IncomingHttpHeaders }>(
      (resolve, reject) => {
        stream.once('response', resolve)
        // The listener stays: an error between two reads of the body must not be uncaught.
        stream.on('error', (error) => {
          reject(error)
          stream.destroy()
        })
      },
    )
    return {
      status: head.statusCode,
      headers: head.headers,
      body: bodyOf(stream, failed),
      discard: () => void stream.destroy(),
    }
  } catch (error) {
    throw failed(error)
  }
}

async function* bodyOf(
  stream: AsyncIterable<Uint8Array>,
  failed: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream
  } catch (error) {
    throw failed(error)
  }
}
