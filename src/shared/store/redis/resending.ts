import { Command, type Redis } from 'ioredis'
import { messageOf } from '../../base/errors.ts'
import { BaseCluster } from './cluster.ts'
import { StrictRedis } from './strict.ts'
import { isLasting, type RedisTrouble, RedisUnavailableError, troubleOf } from './trouble.ts'

/**
 * Connections for processes that wait. For ioredis only a broken connection is an outage. A server
 * that is full, a replica, or without a disk answers every write with an error, and BullMQ would
 * retry thousands of times a second. Here that counts as an outage too: a refused command was not
 * executed, so it is sent again after a delay, without a limit, and callers do not notice.
 */

const AGAIN_AFTER_MS = 1000
/** A refusal after this long a silence is reported again. */
const QUIET_MS = 5 * AGAIN_AFTER_MS

type Item = Parameters<Redis['handleReconnection']>[1]

/** One server with waiting: direct, through Sentinel or by a Unix socket. */
export class ResendingRedis extends StrictRedis {
  readonly #refusals = new Refusals()
  #renewedAt = 0

  /** What the server refused recently; null if it accepts writes. */
  get trouble(): RedisTrouble | null {
    return this.#refusals.latest
  }

  override handleReconnection(error: Error, item: Item): void {
    const trouble = refusalOf(error)
    const { command } = item
    // A single command of a transaction or pipeline cannot be resent alone.
    const isAlone =
      command instanceof Command && !command.inTransaction && command.pipelineIndex === undefined
    if (trouble === null || !isAlone || this.condition?.handshake === true) {
      super.handleReconnection(error, item)
      return
    }
    this.#refusals.tell(trouble, error, (told) => this.silentEmit('error', told))
    setTimeout(() => {
      if (trouble === 'REDIS_READ_ONLY') this.#connectAnew()
      this.sendCommand(command)
    }, AGAIN_AFTER_MS)
  }

  /** After a failover the host name may lead elsewhere, and Sentinel may name another server. */
  #connectAnew(): void {
    if (this.status !== 'ready' || Date.now() - this.#renewedAt < AGAIN_AFTER_MS) return
    this.#renewedAt = Date.now()
    this.disconnect(true)
  }

  /** A refused login is reported and retried; waiting commands do not fail with it. */
  override recoverFromFatalError(_commandError: Error, error: Error): void {
    this.silentEmit('error', error)
    this.disconnect(true)
  }
}

/** The same for a cluster, which creates the connections to its nodes itself. */
export class ResendingCluster extends BaseCluster {
  readonly #refusals = new Refusals()

  /** What a node refused recently; null if all accept writes. */
  get trouble(): RedisTrouble | null {
    return this.#refusals.latest
  }

  override handleError(
    error: Error,
    ttl: { value?: number },
    handlers: { readonly tryagain: () => void },
  ): void {
    const trouble = refusalOf(error)
    if (trouble === null) {
      // An unreachable node is not a redirection: ioredis follows only 16 of those, for about two
      // seconds.
      if (troubleOf(error) === 'REDIS_AWAY') delete ttl.value
      super.handleError(error, ttl, handlers)
      return
    }
    this.#refusals.tell(trouble, error, (told) => this.emit('error', told))
    setTimeout(() => {
      if (trouble === 'REDIS_READ_ONLY') this.refreshSlotsCache()
      handlers.tryagain()
    }, AGAIN_AFTER_MS)
  }
}

/** Reports consecutive refusals once. */
class Refusals {
  #latest: RedisTrouble | null = null
  #at = 0

  get latest(): RedisTrouble | null {
    return Date.now() - this.#at < QUIET_MS ? this.#latest : null
  }

  tell(trouble: RedisTrouble, error: Error, emit: (told: RedisUnavailableError) => void): void {
    const isNews = this.latest !== trouble
    this.#latest = trouble
    this.#at = Date.now()
    if (isNews) emit(new RedisUnavailableError(trouble, messageOf(error)))
  }
}

/** Refusals because of the server's state; missing permissions are handled elsewhere. */
function refusalOf(error: Error): RedisTrouble | null {
  const trouble = troubleOf(error)
  return trouble === null || trouble === 'REDIS_AWAY' || isLasting(trouble) ? null : trouble
}
