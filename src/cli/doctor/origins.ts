import { ExpungeError, messageOf } from '../../shared/base/errors.ts'
import type { Config } from '../../shared/config/config.ts'
import { getOnce } from '../../worker/sources/http/get.ts'
import { type Finding, ok, warn, withoutOutcome } from './finding.ts'

const CHECK = 'Source origin'
const TIMEOUT_MS = 10_000

/**
 * Whether the servers of `http` sources answer. Any status will do: only a request knows which path
 * exists.
 */
export function checkOrigins({ sources }: Pick<Config, 'sources'>): Promise<readonly Finding[]> {
  return Promise.all(
    [...sources.origins.keys()].map(async (origin) => {
      const late = new Error(`no answer within ${TIMEOUT_MS / 1000} s`)
      const stop = new AbortController()
      const timer = setTimeout(() => stop.abort(late), TIMEOUT_MS)
      try {
        const { signal } = stop
        const answer = await getOnce(`${origin}/`, {}, { settings: sources, signal })
        answer.discard()
        return ok(CHECK, `${origin} answers (${answer.status})`)
      } catch (error) {
        const found =
          error instanceof ExpungeError
            ? withoutOutcome(error.message)
            : `${origin}: ${messageOf(error)}`
        return warn(CHECK, found, 'Requests for lists there fail. Check sources.origins.')
      } finally {
        clearTimeout(timer)
      }
    }),
  )
}
