import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib'
import { ExpungeError } from '../../base/errors.ts'

/** One zstd frame (RFC 8878) of staged bytes. */

/** Uncompressed bytes of a full frame. Compressed, it is far below the maximum of 1 MB. */
export const FRAME_BYTES = 960_000

/**
 * Up to this size bytes are stored uncompressed: compressing ten ids takes 16 µs and saves 140
 * bytes.
 */
const STORED_BYTES = 1_024

/** Up to this size frames are compressed on this thread, because another thread takes longer. */
const HERE_BYTES = 16_384

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** The frame never shares memory with the bytes, so the caller may reuse them. */
export async function pack(bytes: Uint8Array): Promise<Buffer> {
  return bytes.length <= HERE_BYTES ? packHere(bytes) : compress(bytes, LEVEL_1)
}

/**
 * The frames in Redis differ from what was staged: lost, duplicated or damaged. Nothing of them is
 * sent.
 */
export class StagingError extends ExpungeError {
  readonly code = 'STAGING_DAMAGED'
}

/**
 * The bytes of a frame.
 *
 * @param key where it was read
 * @throws StagingError if it is not a valid frame
 */
export async function unpack(frame: Uint8Array, key: string): Promise<Uint8Array> {
  try {
    return await decompress(frame, { chunkSize: FRAME_BYTES })
  } catch (cause) {
    throw new StagingError(
      `A staged frame of ${key} does not decompress. Submit the request again.`,
      { cause },
    )
  }
}

function packHere(bytes: Uint8Array): Buffer {
  return bytes.length <= STORED_BYTES ? store(bytes) : zstdCompressSync(bytes, LEVEL_1)
}

const MAGIC = 0xfd2f_b528
/** Single segment: the frame states its content's length, in one byte or, minus 256, in two. */
const ONE_BYTE_LENGTH = 0x20
const TWO_BYTE_LENGTH = 0x60
const LAST_RAW_BLOCK = 1

/** A frame with one raw block: magic number, header, length, block header, then the bytes. */
function store(bytes: Uint8Array): Buffer {
  const isShort = bytes.length < 256
  const frame = Buffer.allocUnsafe((isShort ? 9 : 10) + bytes.length)
  let at = frame.writeUInt32LE(MAGIC)
  at = frame.writeUInt8(isShort ? ONE_BYTE_LENGTH : TWO_BYTE_LENGTH, at)
  at = isShort ? frame.writeUInt8(bytes.length, at) : frame.writeUInt16LE(bytes.length - 256, at)
  at = frame.writeUIntLE((bytes.length << 3) | LAST_RAW_BLOCK, at, 3)
  frame.set(bytes, at)
  return frame
}
