import { ExpungeError } from '../base/errors.ts'

/** A CSV on its way to Salesforce. */
export interface UploadBody {
  /** Its exact length, sent as Content-Length. */
  readonly bytes: number
  readonly stream: AsyncIterable<Uint8Array>
}

/** The stream's length differs from the announced one: the rows are not the planned ones. */
class UploadLengthError extends ExpungeError {
  readonly code = 'UPLOAD_LENGTH_MISMATCH'

  constructor(expected: number, got: string) {
    super(
      `Expected an upload of ${expected} bytes, got ${got}. The upload was broken off before its ` +
        'end, so Salesforce has no file to process. Build the body again.',
    )
  }
}

/** A checked body and its result. */
interface GuardedBody {
  readonly stream: AsyncGenerator<Uint8Array, void, undefined>
  /** The error that the body itself raised, if any. */
  failure(): { readonly error: unknown } | undefined
  /** Whether every byte was passed on. */
  complete(): boolean
}

/**
 * Passes a body on, but holds its last block back until the body has ended at exactly the announced
 * length. Until then Content-Length prevents Salesforce from accepting a partial file.
 */
export function guardLength({ bytes, stream }: UploadBody): GuardedBody {
  let failure: { readonly error: unknown } | undefined
  let complete = false

  async function* guarded(): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = 0
    let last: Uint8Array | undefined
    for await (const block of stream) {
      if (block.byteLength === 0) continue
      sent += block.byteLength
      if (sent > bytes) throw new UploadLengthError(bytes, 'more')
      if (sent === bytes) last = block
      else yield block
    }
    if (last === undefined) throw new UploadLengthError(bytes, `${sent}`)
    complete = true
    yield last
  }

  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* guarded()
    } catch (error) {
      failure = { error }
      throw error
    }
  }

  return { stream: watched(), failure: () => failure, complete: () => complete }
}
