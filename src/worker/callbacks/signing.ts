import { createHmac } from 'node:crypto'
import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { readSecretFile, whyUnreadable, withoutEnd } from '../../shared/base/text-file.ts'
import type { Receiver } from '../../shared/config/callbacks.ts'

/** The event: `<org>/<request>/<status>`, the same for each try. */
const EVENT_HEADER = 'expunge-event'
/** When the callback was sent, as Unix time in seconds. */
const TIMESTAMP_HEADER = 'expunge-timestamp'
/** `v1=<hex>`, one for each secret, separated by commas. */
const SIGNATURE_HEADER = 'expunge-signature'

/** What is signed, together with the time of signing. */
interface Signed {
  /**
   * The receiver's URL. Query and fragment are not signed: a receiver knows its own address without
   * them.
   */
  readonly url: URL
  readonly event: string
  readonly body: string
}

/**
 * Headers that let a receiver check that a callback is ours, unchanged, meant for this receiver,
 * and not sent again later by somebody else: HMAC-SHA256 over the lines event, timestamp and URL,
 * and the body. No line can contain a line break, so different callbacks have different signed
 * text. With several secrets there are several signatures, of which one must match, so that a
 * secret can be replaced while callbacks are sent. docs/callbacks.md tells receivers how to check.
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

type SecretsOf = Pick<Receiver, 'name' | 'secretsFile'>

/** From one callback, a shorter secret could be guessed. */
const SHORTEST = 32
/** Enough for a rotation: each secret adds a signature to the header. */
const MOST = 5

/**
 * The secrets that sign the callbacks to one receiver: the current content of the file, or the last
 * usable one.
 *
 * @throws {ConfigError} if the file cannot be used at the start; the message contains no secret
 */
export async function openCallbackSecrets(
  receiver: SecretsOf,
  log: Logger,
): Promise<() => Promise<readonly string[]>> {
  let latest = await readSecrets(receiver)
  return async () => {
    try {
      latest = await readSecrets(receiver)
    } catch (error) {
      const problem = messageOf(error)
      log.error(
        { receiver: receiver.name, problem },
        'The new callback secrets cannot be used. Callbacks are signed with the previous ones.',
      )
    }
    return latest
  }
}

async function readSecrets({ name, secretsFile: path }: SecretsOf): Promise<readonly string[]> {
  const refuse = (message: string) =>
    new ConfigError([{ setting: `callbacks.receivers.${name}.secretsFile (${path})`, message }])
  const text = await readSecretFile(path).catch((error: unknown) => {
    throw refuse(`the file ${whyUnreadable(error)}.`)
  })
  const lines = text.split(/\r?\n/).map(withoutEnd)
  const secrets = lines.filter((line) => line !== '')
  const short = secrets.findIndex((secret) => secret.length < SHORTEST)
  if (short !== -1) {
    const got = `secret ${short + 1} has ${secrets[short]?.length}`
    throw refuse(
      `expected ${SHORTEST} characters or more in a line; ${got}. Try: openssl rand -hex 32`,
    )
  }
  if (secrets.length === 0 || secrets.length > MOST) {
    throw refuse(`expected 1 to ${MOST} secrets, one a line, got ${secrets.length}.`)
  }
  return secrets
}
