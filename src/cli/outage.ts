import { backoff } from '../shared/base/backoff.ts'
import { systemClock } from '../shared/base/clock.ts'
import { detailOf, RedisUnavailableError, troubleOf } from '../shared/store/redis/trouble.ts'
import { withReason } from '../shared/store/redis/why-away.ts'
import type { CommandRedis } from './redis.ts'
import { duration, wait } from './render/format.ts'
import type { Screen } from './screen.ts'

/**
 * Reports attempts to use a host, and the end of an outage.
 *
 * @param host as in `Redis at redis://10.0.0.1`
 */
export function outageReporter({ warn, say }: Pick<Screen, 'warn' | 'say'>, host: string) {
  let since = 0
  let attempts = 0
  let before = ''
  return {
    /** @param why a sentence that names the host */
    failed: (why: string, nextMs: number) => {
      if (attempts++ === 0) since = Date.now()
      // The first, second, fourth, eighth and so on: an outage may last for hours.
      if (why === before && !Number.isInteger(Math.log2(attempts))) return
      const next = `Attempt ${attempts} failed; next attempt in ${wait(nextMs)}.`
      const isNews = why !== before
      before = why
      warn(isNews ? `${why} ${next} Ctrl-C stops waiting.` : `${host}: ${next}`)
    },
    over: () => {
      if (attempts > 0) say(`Connected again after ${duration(Date.now() - since)}.`)
      attempts = 0
      before = ''
    },
  }
}

const retryMs = backoff({ first: 1000, factor: 2, cap: 5000 })

/** Repeats a step that is safe to repeat. */
type Retry = <T>(step: () => Promise<T>) => Promise<T>

/** Repeats a step until Redis is back, and reports the outage. Other errors are thrown. */
export function retryOnOutage(screen: Screen, redis: CommandRedis, signal: AbortSignal): Retry {
  return async (step) => {
    const host = `Redis at ${redis.shown}`
    const outage = outageReporter(screen, host)
    for (let failures = 1; ; failures++) {
      try {
        const result = await step()
        outage.over()
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (troubleOf(error) === null) throw error
        const ms = retryMs(failures)
        outage.failed(await whyAway(error, host, redis), ms)
        await systemClock.sleep(ms, signal)
      }
    }
  }
}

/** A command's connection often knows only that there is none. */
async function whyAway(error: unknown, host: string, redis: CommandRedis): Promise<string> {
  const { config, shown } = redis
  const reason = await withReason(config, error)
  const isAway = !(reason instanceof RedisUnavailableError) || reason.code === 'REDIS_AWAY'
  return isAway ? `${host} does not answer: ${detailOf(reason)}.` : reason.at(shown).message
}
