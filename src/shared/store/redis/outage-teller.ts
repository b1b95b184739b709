import type { Logger } from '../../base/logger.ts'
import {
  detailOf,
  isLasting,
  isVague,
  RedisUnavailableError,
  reasonOf,
  troubleOf,
} from './trouble.ts'

/** What a process that outlives an outage of Redis says about it. */
interface OutageTeller {
  readonly onError: (error: Error) => void
  readonly onReady: () => void
  /** What no waiting ends is told from now on: before, it ends the process, which says so itself. */
  readonly onStarted: () => void
}

interface Told {
  /** What trouble means for this process: `Work waits.` */
  readonly note: string
  /** Whether the connection finds out why, where ioredis only says that it is closed. */
  readonly isExplained: boolean
}

/**
 * Told once each: every reason of an outage, not every try to end it; what the connection reports, not
 * what each queue on it reports again; and that Redis is back.
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
        // "Retrying from scratch after 30ms", after 40, after 50.
        const reason = detailOf(error).replace(/\d+ms/, '')
        if (told.has(reason)) return
        told.add(reason)
      }
      if (error instanceof RedisUnavailableError) {
        log.warn({ code: error.code }, `${error.message} ${note}`)
      } else {
        log.error({ err: reasonOf(error) }, `Redis is in trouble. ${note}`)
      }
    },
    onReady: () => {
      if (told.size > 0) log.info('Redis is back.')
      told.clear()
    },
    onStarted: () => {
      isStarted = true
    },
  }
}

/** Of a server that is connected: it comes and goes without an outage, and comes here once each time. */
function isRefusal(error: Error): boolean {
  return (
    error instanceof RedisUnavailableError && error.code !== 'REDIS_AWAY' && !isLasting(error.code)
  )
}
