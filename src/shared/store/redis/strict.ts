import { Redis, type RedisOptions } from 'ioredis'
import { detailOf, RedisUnavailableError, troubleOf } from './trouble.ts'

type Item = Parameters<Redis['handleReconnection']>[1]

/**
 * A connection that is set up completely or not at all. If the server refuses `SELECT`, ioredis
 * continues with a warning in database 0, among other users' keys; if it refuses `CLIENT SETNAME`
 * or `READONLY`, it continues without one; and it takes the answer of protected mode for that of a
 * server that needs no password. Here each of these ends the connection, at the first connect and
 * every later one, before any other command is sent.
 */
export class StrictRedis extends Redis {
  static {
    // BullMQ blocks on a duplicate, which must have the same class. The types of ioredis tie a
    // duplicate's type to its options, so a subclass cannot override the method.
    Object.defineProperty(StrictRedis.prototype, 'duplicate', {
      value(this: StrictRedis, override: RedisOptions = {}) {
        const kind = Object.getPrototypeOf(this).constructor
        return new kind({ ...this.options, ...override, replyMapping: 'legacy' })
      },
    })
  }

  override handleReconnection(error: Error, item: Item): void {
    if (this.condition?.handshake !== true || !isIgnored(error, item.command)) {
      super.handleReconnection(error, item)
      return
    }
    const code = troubleOf(error) ?? 'REDIS_DATABASE'
    const refusal = new RedisUnavailableError(code, `${stepOf(item.command)}: ${detailOf(error)}`)
    // The other setup steps are still being answered. Those answers need their place in the queue
    // and must not make the connection ready.
    this.recoverFromFatalError(error, refusal, { commandQueue: false })
    this.status = 'close'
    // The refusal is reported once; otherwise ioredis would report the rejected SELECT again.
    item.command.resolve('OK')
  }
}

/** Setup commands that ioredis sends itself and continues without. */
function isIgnored(error: Error, command: Item['command']): boolean {
  // The login was sent too and is refused with its own error.
  if (error.message.startsWith('NOAUTH ')) return false
  const step = stepOf(command)
  return (
    step === 'SELECT' ||
    step === 'READONLY' ||
    step === 'CLIENT SETNAME' ||
    error.message.startsWith('DENIED ')
  )
}

function stepOf({ name, args }: Item['command']): string {
  const step = name.toUpperCase()
  return step === 'CLIENT' ? `${step} ${String(args[0]).toUpperCase()}` : step
}
