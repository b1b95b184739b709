import { ExpungeError } from '../../shared/base/errors.ts'

type EmbeddedRedisErrorCode =
  /** Neither on the PATH nor from a package; the message says what to install. */
  | 'REDIS_SERVER_NOT_FOUND'
  /** Another process owns this home. */
  | 'EMBEDDED_REDIS_BUSY'
  /** The home cannot be made private, locked or reached. */
  | 'EMBEDDED_REDIS_HOME'
  /** The server did not start, or ended and could not be restarted. */
  | 'EMBEDDED_REDIS_FAILED'

export class EmbeddedRedisError extends ExpungeError {
  readonly code: EmbeddedRedisErrorCode

  constructor(code: EmbeddedRedisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
