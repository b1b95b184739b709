import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { readSecretFile, whyUnreadable, withoutEnd } from '../../shared/base/text-file.ts'
import type { Receiver } from '../../shared/config/callbacks.ts'

/** What the callbacks to one receiver are signed with. */
export interface CallbackSecrets {
  /** As the file says now; where it cannot be used, as it said last. */
  current(): Promise<readonly string[]>
}

type SecretsOf = Pick<Receiver, 'name' | 'secretsFile'>

/** Shorter ones could be guessed by whoever has seen one callback. */
const SHORTEST = 32
/** The one in use, the one to come, and room for a mishap: each is a signature in every header. */
const MOST = 5

/** @throws {ConfigError} where the file cannot be used to begin with; no secret in it */
export async function openCallbackSecrets(
  receiver: SecretsOf,
  log: Logger,
): Promise<CallbackSecrets> {
  let latest = await readSecrets(receiver)
  return {
    current: async () => {
      try {
        latest = await readSecrets(receiver)
      } catch (error) {
        const problem = messageOf(error)
        log.error(
          { receiver: receiver.name, problem },
          'Callbacks are signed with the secrets before.',
        )
      }
      return latest
    },
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
