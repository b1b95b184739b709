import { systemClock } from '../../shared/clock.ts'
import { ExpungeError } from '../../shared/errors.ts'
import type { Screen } from '../screen.ts'

const AGAIN_AFTER_MS = 1000

/** Does what is safe to repeat until Redis lets it: an outage of Redis ends nothing. */
export type Patiently = <T>(step: () => Promise<T>) => Promise<T>

/** Errors of our own mean something else and are thrown on; the rest is Redis being away. */
export function patience(screen: Screen, signal: AbortSignal): Patiently {
  return async (step) => {
    for (let isAway = false; ; ) {
      try {
        const result = await step()
        if (isAway) screen.say('Redis is back.')
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof ExpungeError || !isOutage(error)) throw error
        if (!isAway) screen.say('Redis does not answer. Waiting for it; Ctrl-C ends that.')
        isAway = true
        await systemClock.sleep(AGAIN_AFTER_MS, signal)
      }
    }
  }
}

/** What ioredis throws where the connection is the trouble, or a server that loads its data. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const isByName = error.name === 'MaxRetriesPerRequestError' || 'syscall' in error
  return (
    isByName || /Connection is closed|LOADING|READONLY|Stream isn't writeable/.test(error.message)
  )
}
