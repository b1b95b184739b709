import { createHmac } from 'node:crypto'

/** Unix time in seconds at which a callback was sent. */
export const TIMESTAMP_HEADER = 'expunge-timestamp'
/** `v1=<hex>`, one for each secret, separated by commas. */
export const SIGNATURE_HEADER = 'expunge-signature'

/**
 * What lets a receiver know that a callback is ours, unchanged and not sent again by somebody else
 * later: HMAC-SHA256 over `<timestamp>.<body>`. With several secrets there are several signatures,
 * of which one must match: so a secret is replaced while callbacks go on. docs/callbacks.md tells
 * receivers how to check.
 *
 * @param now milliseconds since the epoch
 */
export function signatureHeaders(
  body: string,
  secrets: readonly string[],
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / 1000))
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', secret).update(`${timestamp}.${body}`)
    return `v1=${hmac.digest('hex')}`
  })
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: signatures.join(',') }
}
