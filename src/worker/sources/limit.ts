import { RefusedError } from '../../shared/base/errors.ts'

/**
 * Passes bytes on up to a limit. Used behind a decoder too, because a small compressed file may
 * decompress to any size.
 *
 * @throws RefusedError SOURCE_TOO_LARGE
 */
export async function* limited(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  most: number,
): AsyncGenerator<Uint8Array> {
  let left = most
  for await (const block of bytes) {
    left -= block.length
    if (left < 0) throw tooLarge(name, most)
    yield block
  }
}

export function tooLarge(name: string, most: number): RefusedError {
  return new RefusedError(
    'SOURCE_TOO_LARGE',
    `${name} has more than ${most} bytes. Split it, or raise sources.maxBytes in the workers' configuration.`,
  )
}
