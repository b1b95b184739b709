import { createHmac } from 'node:crypto'

/** What happened: `<org>/<request>/<status>`, the same for each try. */
const EVENT_HEADER = 'expunge-event'
/** Unix time in seconds at which a callback was sent. */
const TIMESTAMP_HEADER = 'expunge-timestamp'
/** `v1=<hex>`, one for each secret, separated by commas. */
const SIGNATURE_HEADER = 'expunge-signature'

/** What a signature vouches for, with the time at which it was made. */
interface Signed {
  /** Whom it is for. Query and fragment are left out: a receiver knows its own address without them. */
  readonly url: URL
  readonly event: string
  readonly body: string
}

/**
 * What lets a receiver know that a callback is ours, unchanged, meant for this receiver, and not sent
 * again by somebody else later: HMAC-SHA256 over the lines event, timestamp and URL, and the body. No
 * line can hold a line break, so no two callbacks sign alike. With several secrets there are several
 * signatures, of which one must match: so a secret is replaced while callbacks go on.
 * docs/callbacks.md tells receivers how to check.
 *
 * @param now milliseconds since the epoch
 */
export function signatureHeaders(
  { url: { origin, pathname }, event, body }: Signed,
  secrets: readonly string[],
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / 1000))
  const content = [event, timestamp, `${origin}${pathname}`, body].join('\n')
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', secret).update(content)
    return `v1=${hmac.digest('hex')}`
  })
  return {
    [EVENT_HEADER]: event,
    [TIMESTAMP_HEADER]: timestamp,
    [SIGNATURE_HEADER]: signatures.join(','),
  }
}
