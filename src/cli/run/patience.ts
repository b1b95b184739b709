import { systemClock } from '../../shared/base/clock.ts'
import { RedisUnavailableError, troubleOf } from '../../shared/store/redis/trouble.ts'
import type { Screen } from '../screen.ts'

const AGAIN_AFTER_MS = 1000

/** Does what is safe to repeat until Redis lets it: an outage of Redis ends nothing. */
export type Patiently = <T>(step: () => Promise<T>) => Promise<T>

/** What is no trouble of Redis itself is thrown on. */
export function patience(screen: Screen, signal: AbortSignal): Patiently {
  return async (step) => {
    for (let isAway = false; ; ) {
      try {
        const result = await step()
        if (isAway) screen.say('Redis is back.')
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (!isOutage(error)) throw error
        if (!isAway) screen.say(`${wordsOf(error)} Waiting for it; Ctrl-C ends that.`)
        isAway = true
        await systemClock.sleep(AGAIN_AFTER_MS, signal)
      }
    }
  }
}

/** Whether it is Redis that cannot do it now; it may well do it later. */
export function isOutage(error: unknown): boolean {
  return troubleOf(error) !== null
}

function wordsOf(error: unknown): string {
  const isHere = error instanceof RedisUnavailableError && error.code !== 'REDIS_AWAY'
  return isHere ? error.message : 'Redis does not answer.'
}
