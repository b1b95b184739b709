import { Cluster, type ClusterNode, type ClusterOptions, type Command } from 'ioredis'
import { detailOf, RedisUnavailableError, troubleOf } from './trouble.ts'

/** A cluster whose duplicates, which BullMQ uses for blocking calls, have the same class. */
export abstract class BaseCluster extends Cluster {
  readonly #startNodes: ClusterNode[]

  static {
    // The types of ioredis tie a duplicate's type to its options, so a subclass cannot override the
    // method.
    Object.defineProperty(BaseCluster.prototype, 'duplicate', {
      value(this: BaseCluster, nodes: ClusterNode[] = [], override: ClusterOptions = {}) {
        const redisOptions = { ...this.options.redisOptions, ...override.redisOptions }
        const kind = Object.getPrototypeOf(this).constructor
        return new kind(nodes.length > 0 ? nodes : this.#startNodes, {
          ...this.options,
          ...override,
          redisOptions,
        })
      },
    })
  }

  constructor(nodes: ClusterNode[], { redisOptions, ...options }: ClusterOptions) {
    super(nodes, { ...options, redisOptions: { ...redisOptions, replyMapping: 'legacy' } })
    this.#startNodes = nodes
  }
}

/** Timeout of one command for callers that cannot wait. */
export const COMMAND_MS = 5_000

/**
 * A cluster for callers that want an answer at once. If no node of a cluster answers, ioredis
 * considers it as still connecting, and commands wait forever; `maxRetriesPerRequest` and
 * `commandTimeout` apply to its nodes only.
 */
export class FailFastCluster extends BaseCluster {
  /** Commands without an answer yet. */
  readonly #waiting = new Set<Command>()
  #reason: Error | null = null
  #wasReady = false

  constructor(nodes: ClusterNode[], options: ClusterOptions) {
    super(nodes, options)
    this.on('error', (error) => {
      this.#reason = error
    })
    // Nodes answer. Unless `ready` follows, they report that the cluster is down.
    this.on('connect', () => {
      this.#reason = DOWN
    })
    this.on('ready', () => {
      this.#reason = null
      this.#wasReady = true
    })
    this.on('close', () => {
      // As with a single server, commands in flight when a connection breaks are sent once more.
      if (this.#wasReady) this.#wasReady = false
      else this.#giveUp()
    })
  }

  override sendCommand(command: Command, ...rest: Rest): unknown {
    // Its caller was told that it failed.
    if (command.isSettled) return command.promise
    command.setTimeout(COMMAND_MS)
    this.#waiting.add(command)
    const forget = () => this.#waiting.delete(command)
    command.promise.then(forget, forget)
    return super.sendCommand(command, ...rest)
  }

  /** No node is left; later commands wait for the next round. */
  #giveUp(): void {
    const reason = this.#reason ?? 'no node of the cluster can be used'
    const error = new RedisUnavailableError(troubleOf(reason) ?? 'REDIS_AWAY', detailOf(reason))
    for (const command of this.#waiting) command.reject(error)
  }
}

type Rest = Cluster['sendCommand'] extends (command: Command, ...rest: infer R) => unknown
  ? R
  : never

const DOWN = new RedisUnavailableError(
  'REDIS_LOADING',
  'CLUSTERDOWN: a slot is not served, or no node announces its address',
)
