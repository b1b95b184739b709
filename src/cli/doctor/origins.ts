import { ExpungeError, messageOf } from '../../shared/base/errors.ts'
import type { Config } from '../../shared/config/config.ts'
import { getOnce } from '../../worker/sources/http/get.ts'
import { answerWithin, type Finding, ok, warn } from './finding.ts'

const CHECK = 'Source origin'
const TIMEOUT_MS = 10_000

/**
 * Whether the servers of `http` sources answer. Any status will do: only a request knows which path
 * exists.
 */
export function checkOrigins({ sources }: Pick<Config, 'sources'>): Promise<readonly Finding[]> {
  return Promise.all(
    [...sources.origins.keys()].map(async (origin) => {
      try {
        const signal = answerWithin(TIMEOUT_MS, origin)
        const answer = await getOnce(`${origin}/`, {}, { settings: sources, signal })
        answer.discard()
        return ok(CHECK, `${origin} answers (${answer.status})`)
      } catch (error) {
        const found =
          error instanceof ExpungeError ? error.message : `${origin}: ${messageOf(error)}`
        return warn(CHECK, found, 'Requests for lists there fail. Check sources.origins.')
      }
    }),
  )
}
