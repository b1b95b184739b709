import type { Logger } from '../../base/logger.ts'
import {
  detailOf,
  isLasting,
  isVague,
  RedisUnavailableError,
  reasonOf,
  troubleOf,
} from './trouble.ts'

/** Logs Redis outages for a process that survives them. */
interface OutageTeller {
  readonly onError: (error: Error) => void
  readonly onReady: () => void
  /**
   * From now on lasting errors are logged too. Before that they end the process, which reports them
   * itself.
   */
  readonly onStarted: () => void
}

interface Told {
  /** What the outage means for this process: `Work waits.` */
  readonly note: string
  /** Whether the connection finds out the reason when ioredis only reports that it is closed. */
  readonly isExplained: boolean
}

/**
 * Logs each reason of an outage once instead of every retry, each error once although every queue
 * on the connection repeats it, and the return of Redis.
 */
export function outageTeller(log: Logger, { note, isExplained }: Told): OutageTeller {
  const told = new Set<string>()
  const seen = new WeakSet<Error>()
  let isStarted = false
  return {
    onError: (error) => {
      if (seen.has(error) || (isExplained && isVague(error))) return
      seen.add(error)
      const trouble = troubleOf(error)
      if (!isStarted && trouble !== null && isLasting(trouble)) return
      if (!isRefusal(error)) {
        // The delays differ: "Retrying from scratch after 30ms", 40, 50.
        const reason = detailOf(error).replace(/\d+ms/, '')
        if (told.has(reason)) return
        told.add(reason)
      }
      if (error instanceof RedisUnavailableError) {
        log.warn({ code: error.code }, `${error.message} ${note}`)
      } else {
        const code = trouble ?? 'REDIS_AWAY'
        log.error({ code, err: reasonOf(error) }, `Redis connection error. ${note}`)
      }
    },
    onReady: () => {
      if (told.size > 0) log.info('Connected to Redis again.')
      told.clear()
    },
    onStarted: () => {
      isStarted = true
    },
  }
}

/**
 * An error of a connected server: it comes and goes without an outage, and is reported once each
 * time.
 */
function isRefusal(error: Error): boolean {
  return (
    error instanceof RedisUnavailableError && error.code !== 'REDIS_AWAY' && !isLasting(error.code)
  )
}
