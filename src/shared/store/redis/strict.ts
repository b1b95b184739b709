import { Redis, type RedisOptions } from 'ioredis'
import { detailOf, RedisUnavailableError, troubleOf } from './trouble.ts'

type Item = Parameters<Redis['handleReconnection']>[1]

/**
 * A connection that is set up whole or not at all. ioredis goes on where the server refuses `SELECT`
 * with a warning, in database 0 and so among the requests of whoever lives there, and where it
 * refuses `CLIENT SETNAME` or `READONLY` without one; and what protected mode answers, it takes for
 * the password of a server that needs none. Here each of them ends the connection, at the first
 * connect and at every later one, before any other command is sent.
 */
export class StrictRedis extends Redis {
  static {
    // BullMQ blocks on a duplicate, which is to be of the same kind. The types of ioredis tie what a
    // duplicate is to its options, so that no subclass can say this as a method.
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
    // The other steps are answered yet: those answers need their place in the queue, and must not
    // make the connection ready.
    this.recoverFromFatalError(error, refusal, { commandQueue: false })
    this.status = 'close'
    // The refusal is told once; ioredis would tell of a rejected SELECT again, in the server's words.
    item.command.resolve('OK')
  }
}

/** What ioredis sends of itself and goes on without. */
function isIgnored(error: Error, command: Item['command']): boolean {
  // The login, which was sent along, is refused with a reason of its own.
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
