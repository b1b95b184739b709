import { Cluster, type ClusterNode, type ClusterOptions, type Command } from 'ioredis'
import { detailOf, RedisUnavailableError, troubleOf } from './trouble.ts'

/** A cluster whose duplicates, on which BullMQ blocks, are of its own class. */
export abstract class BaseCluster extends Cluster {
  readonly #startNodes: ClusterNode[]

  static {
    // The types of ioredis tie what a duplicate is to its options, so no subclass can say it as a method.
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

/** For one command of a caller who cannot wait, wherever it waits. */
export const COMMAND_MS = 5_000

/**
 * A cluster for callers who want to know at once. To ioredis a cluster none of whose nodes answers is
 * one that still connects, and what it is asked meanwhile waits for ever; `maxRetriesPerRequest`
 * and `commandTimeout` are its nodes' alone.
 */
export class FailFastCluster extends BaseCluster {
  /** What is not answered yet. */
  readonly #waiting = new Set<Command>()
  #reason: Error | null = null
  #wasReady = false

  constructor(nodes: ClusterNode[], options: ClusterOptions) {
    super(nodes, options)
    this.on('error', (error) => {
      this.#reason = error
    })
    // Nodes answer; unless it is ready next, what they say is that the cluster is down.
    this.on('connect', () => {
      this.#reason = DOWN
    })
    this.on('ready', () => {
      this.#reason = null
      this.#wasReady = true
    })
    this.on('close', () => {
      // As with one server, what was under way when a connection broke off is sent again, once.
      if (this.#wasReady) this.#wasReady = false
      else this.#giveUp()
    })
  }

  override sendCommand(command: Command, ...rest: Rest): unknown {
    // Its caller was told that it was not done.
    if (command.isSettled) return command.promise
    command.setTimeout(COMMAND_MS)
    this.#waiting.add(command)
    const forget = () => this.#waiting.delete(command)
    command.promise.then(forget, forget)
    return super.sendCommand(command, ...rest)
  }

  /** No node is left; what is sent from now on waits for the next round. */
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
