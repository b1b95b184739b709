import { Cluster, type ClusterNode, type ClusterOptions } from 'ioredis'

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
