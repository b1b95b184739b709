import { Command, type Redis } from 'ioredis'
import { messageOf } from '../../base/errors.ts'
import { BaseCluster } from './cluster.ts'
import { StrictRedis } from './strict.ts'
import { isLasting, type RedisTrouble, RedisUnavailableError, troubleOf } from './trouble.ts'

/**
 * Connections for those who wait. To ioredis only a broken connection is an outage; a server that
 * is full, a replica, or without a disk answers every write with an error, and BullMQ would ask
 * again thousands of times a second. Here that is an outage too: what was refused has not been
 * done, so it is sent again after a while, for as long as it takes, and nobody above notices.
 */

const AGAIN_AFTER_MS = 1000
/** Refusals this far apart are told apart. */
const QUIET_MS = 5 * AGAIN_AFTER_MS

type Item = Parameters<Redis['handleReconnection']>[1]

/** One server that is waited for: directly, by Sentinel or by a Unix socket. */
export class ResendingRedis extends StrictRedis {
  readonly #refusals = new Refusals()
  #renewedAt = 0

  /** What the server refused lately, null where it takes writes. */
  get trouble(): RedisTrouble | null {
    return this.#refusals.latest
  }

  override handleReconnection(error: Error, item: Item): void {
    const trouble = refusalOf(error)
    const { command } = item
    // A part of a transaction or a pipeline means nothing without the rest.
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

  /** After a failover the name may lead elsewhere, and Sentinel may name another. */
  #connectAnew(): void {
    if (this.status !== 'ready' || Date.now() - this.#renewedAt < AGAIN_AFTER_MS) return
    this.#renewedAt = Date.now()
    this.disconnect(true)
  }

  /** A login that is refused is told, and tried again: what waits is not answered with it. */
  override recoverFromFatalError(_commandError: Error, error: Error): void {
    this.silentEmit('error', error)
    this.disconnect(true)
  }
}

/** The same for a cluster, whose nodes are connections of its own making. */
export class ResendingCluster extends BaseCluster {
  readonly #refusals = new Refusals()

  /** What a node refused lately, null where all take writes. */
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
      // A node that is away is no redirection: of those ioredis follows 16, for some two seconds.
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

/** Refusals in a row are told once. */
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

/** What a server refuses for the state that it is in; who may do what is another matter. */
function refusalOf(error: Error): RedisTrouble | null {
  const trouble = troubleOf(error)
  return trouble === null || trouble === 'REDIS_AWAY' || isLasting(trouble) ? null : trouble
}
