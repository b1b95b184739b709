import type { IncomingHttpHeaders, RequestListener } from 'node:http'

/** An object on an HTTP server, as it is when a request comes. */
export interface HttpObject {
  readonly bytes: Uint8Array
  readonly etag?: string
  readonly lastModified?: string
  readonly encoding?: string
  /** Whether `Range` is honoured. */
  readonly ranges?: boolean
  /** Whether the size is not announced. */
  readonly chunked?: boolean
  /** The connection breaks after so many bytes of the body. */
  readonly cutAfter?: number
}

/**
 * Answers GET as RFC 9110 asks: 206 for a range of the version that `If-Range` names, 200 with the
 * whole object for any other.
 *
 * @param objectAt the object for the nth request, from 0
 */
export function serveObject(objectAt: (n: number) => HttpObject): {
  readonly listener: RequestListener
  /** The headers of each request. */
  readonly heard: readonly IncomingHttpHeaders[]
} {
  const heard: IncomingHttpHeaders[] = []
  const listener: RequestListener = (request, response) => {
    const object = objectAt(heard.length)
    heard.push(request.headers)
    const { bytes, etag, lastModified, encoding } = object
    const from = rangeStart(request.headers, object)
    const body = bytes.subarray(from ?? 0)
    const { cutAfter = body.length + 1 } = object
    response.writeHead(from === null ? 200 : 206, {
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { 'last-modified': lastModified }),
      ...(encoding !== undefined && { 'content-encoding': encoding }),
      ...(from !== null && {
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      }),
      ...(object.chunked !== true && { 'content-length': body.length }),
    })
    if (cutAfter > body.length) response.end(body)
    else response.write(body.subarray(0, cutAfter), () => response.destroy())
    if (cutAfter === 0) response.flushHeaders()
  }
  return { listener, heard }
}

function rangeStart(
  { range, 'if-range': validator }: IncomingHttpHeaders,
  { bytes, etag, lastModified, ranges = true }: HttpObject,
): number | null {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? Number.NaN)
  const isSame = validator === undefined || validator === etag || validator === lastModified
  return ranges && isSame && from < bytes.length ? from : null
}
