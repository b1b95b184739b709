import type { IncomingHttpHeaders } from 'node:http'
import { parseRetryAfter } from '../../../shared/base/backoff.ts'
import { codeOf, messageOf, RefusedError, SourceError } from '../../../shared/base/errors.ts'
import { AddressRefusedError } from '../../outbound/guard.ts'
import { isTransientStatus } from '../../outbound/transient.ts'

/** A failure that may pass: the download goes on where it was interrupted. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  /** The wait that the server asked for, in milliseconds. */
  readonly afterMs: number

  constructor(reason: string, afterMs = 0, options?: ErrorOptions) {
    super(reason, options)
    this.afterMs = afterMs
  }
}

/** @param name the object, as messages call it */
export function errorOfStatus(
  name: string,
  status: number,
  headers: IncomingHttpHeaders,
): InterruptedError | SourceError {
  const answered = `the server answered ${status}`
  if (isTransientStatus(status)) {
    return new InterruptedError(answered, parseRetryAfter(headers['retry-after'], Date.now()) ?? 0)
  }
  switch (status) {
    case 404:
    case 410:
      return new SourceError(
        'SOURCE_NOT_FOUND',
        `${name} does not exist: ${answered}. Check the URL.`,
      )
    case 401:
    case 403:
      return unreadable(
        name,
        `${answered}. A signed URL may have expired. If the server expects a login, set its headers in sources.origins of the workers' configuration`,
      )
    default:
      return unreadable(name, `${answered}, expected 200`)
  }
}

/** Codes of OpenSSL and Node for certificates that another try would not make valid. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|HOSTNAME_MISMATCH|ERR_SSL_/

/** got's code for a body that ends before its Content-Length. */
const TRUNCATED = 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'

/** got's errors contain the request with its headers, so none is passed on. */
export function errorOfNetwork(name: string, error: unknown): Error {
  const refusal = causes(error).find((cause) => cause instanceof AddressRefusedError)
  if (refusal !== undefined) return notAllowed(refusal.message)
  const code = codeOf(error)
  const reason = code ?? messageOf(error)
  if (code !== undefined && CERTIFICATE.test(code)) {
    return unreadable(
      name,
      `the TLS connection failed with ${code}. Expected a certificate of the host by a known authority (NODE_EXTRA_CA_CERTS adds one)`,
    )
  }
  return new InterruptedError(
    reason === TRUNCATED ? 'the connection was lost' : `the connection failed with ${reason}`,
  )
}

function causes(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : []
}

export function notAllowed(message: string): RefusedError {
  return new RefusedError('SOURCE_NOT_ALLOWED', message)
}

/** @param why without the period */
export function unreadable(name: string, why: string, options?: ErrorOptions): SourceError {
  return new SourceError('SOURCE_NOT_READABLE', `${name} cannot be read: ${why}.`, options)
}

export function changed(name: string, how: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${name} changed while it was read: ${how}. Submit it again under a new id when it is complete.`,
  )
}
