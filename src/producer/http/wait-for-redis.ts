import { systemClock } from '../../shared/base/clock.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { raceAbort } from '../../shared/base/race.ts'
import { type RedisConfig, RedisUnavailableError } from '../../shared/store/redis/redis.ts'
import { isLasting } from '../../shared/store/redis/trouble.ts'
import { connectProducer, type ProducerConnection } from '../connection.ts'

const AGAIN_AFTER_MS = 1_000

/**
 * A process that starts together with Redis waits for it as long as it takes, also while it answers but
 * takes no writes yet, as a new primary without replicas does.
 */
export async function waitForRedis<T>(
  work: () => Promise<T>,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<T> {
  let told = ''
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RedisUnavailableError) || isLasting(error.code)) throw error
      if (error.message !== told)
        log.warn({ code: error.code }, `Waiting for Redis. ${error.message}`)
      told = error.message
      await systemClock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

/** A connection that comes after the stop is closed again. */
export async function connectUnlessStopped(
  redis: RedisConfig,
  onError: (error: Error) => void,
  signal: AbortSignal | undefined,
): Promise<ProducerConnection> {
  const connecting = connectProducer({ redis, onError })
  try {
    return await raceAbort(connecting, signal)
  } catch (error) {
    if (signal?.aborted) void connecting.then((late) => late.close()).catch(() => {})
    throw error
  }
}
