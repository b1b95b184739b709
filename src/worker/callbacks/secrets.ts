import { ConfigError, codeOf, messageOf } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import { readSecretFile } from '../../shared/secret-file.ts'

/** What callbacks are signed with. */
export interface CallbackSecrets {
  /** As the file says now; where it cannot be used, as it said last. */
  current(): Promise<readonly string[]>
}

/** Shorter ones could be guessed by whoever has seen one callback. */
const SHORTEST = 32
/** The one in use, the one to come, and room for a mishap: each is a signature in every header. */
const MOST = 5

/** @throws {ConfigError} where the file cannot be used to begin with; no secret in it */
export async function openCallbackSecrets(path: string, log: Logger): Promise<CallbackSecrets> {
  let latest = await readSecrets(path)
  return {
    current: async () => {
      try {
        latest = await readSecrets(path)
      } catch (error) {
        log.error({ problem: messageOf(error) }, 'callbacks are signed with the secrets before')
      }
      return latest
    },
  }
}

async function readSecrets(path: string): Promise<readonly string[]> {
  const refuse = (message: string) =>
    new ConfigError([{ setting: `callbacks.secretsFile (${path})`, message }])
  const text = await readSecretFile(path).catch((error: unknown) => {
    throw refuse(`the file cannot be read (${codeOf(error) ?? 'unknown error'}).`)
  })
  const secrets = text.split(/\r?\n/).filter((line) => line !== '')
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
