import type { Logger } from '../../shared/base/logger.ts'
import type { Receiver } from '../../shared/config/callbacks.ts'
import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import type { Producer } from '../producer.ts'
import type { createCallers } from './caller.ts'
import type { createOrgs } from './orgs.ts'
import type { HttpTimeouts } from './timeouts.ts'

/** What the routes work with. */
export interface Service {
  readonly producer: Producer
  /**
   * Directories from which `file` sources may be read here, so that their bytes are known at once.
   */
  readonly fileRoots: readonly string[]
  /** Allowed receivers of callbacks; null if this process does not know them. */
  readonly receivers: readonly Receiver[] | null
  readonly orgs: ReturnType<typeof createOrgs>
  readonly results: ResultsStore
  readonly callers: ReturnType<typeof createCallers>
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  readonly timeouts: HttpTimeouts
  /** Waits for Redis as long as a caller should, then throws RedisUnavailableError `REDIS_AWAY`. */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>
  /** Why Redis is unavailable now; null if it is available. */
  readonly redisTrouble: () => string | null
}
