import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib'
import { SourceError } from '../../shared/base/errors.ts'

/** The first bytes of a compressed format, and its decoder. */
interface Format {
  readonly magic: readonly number[]
  decoder(): Gunzip | ZstdDecompress
}

const FORMATS: readonly Format[] = [
  { magic: [0x1f, 0x8b], decoder: () => createGunzip() },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], decoder: () => createZstdDecompress() },
]
const LONGEST_MAGIC = 4

/**
 * Passes bytes on, decompressed through all members if they start like gzip or zstd. Throws at a
 * truncated or invalid member: a list must not end silently.
 *
 * @param name the name of the bytes in messages
 *
 * @throws SourceError SOURCE_TRUNCATED
 */
export async function* decompress(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const chunks = bytes[Symbol.asyncIterator]()
  try {
    const start = await readStart(chunks)
    const format = FORMATS.find(({ magic }) => magic.every((byte, at) => start[at] === byte))
    if (format === undefined) yield* plain(start, chunks)
    else yield* members(start, chunks, format, name)
  } finally {
    await chunks.return?.()
  }
}

/** The first chunk, or several if they are shorter than any magic number. */
async function readStart(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0)
  while (start.length < LONGEST_MAGIC) {
    const next = await chunks.next()
    if (next.done === true) break
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value])
  }
  return start
}

async function* plain(
  start: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let chunk: Uint8Array | undefined = start
  while (chunk !== undefined) {
    if (chunk.length > 0) yield chunk
    chunk = await nextOf(chunks)
  }
}

/**
 * A decoder for each stretch that one decoder reads. On Node 24 the zstd decoder stops without an
 * error at the end of a frame if the same write holds another, and the gzip decoder at padding; ids
 * in the unread rest would be lost silently.
 */
async function* members(
  start: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
  format: Format,
  name: string,
): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array | undefined = start
  while (rest !== undefined) {
    const decoder = format.decoder()
    const feeder = new Feeder(decoder, chunks)
    const fed = feeder.feed(rest)
    try {
      for await (const chunk of decoder) yield chunk
    } catch (error) {
      throw feeder.failure === null ? damaged(name, error) : feeder.failure.reason
    } finally {
      decoder.destroy()
    }
    rest = await skipPadding(await fed, chunks)
  }
}

/** Writes chunks to a decoder until it accepts no more. */
class Feeder {
  /** The error that the source threw. */
  failure: { readonly reason: unknown } | null = null
  readonly #decoder: Gunzip | ZstdDecompress
  readonly #chunks: AsyncIterator<Uint8Array>

  constructor(decoder: Gunzip | ZstdDecompress, chunks: AsyncIterator<Uint8Array>) {
    this.#decoder = decoder
    this.#chunks = chunks
  }

  /** Returns what the decoder left unread; undefined if the source ended first. Never rejects. */
  async feed(start: Uint8Array): Promise<Uint8Array | undefined> {
    let chunk: Uint8Array | undefined = start
    while (chunk !== undefined) {
      const before = this.#decoder.bytesWritten
      await this.#write(chunk)
      const used = this.#decoder.bytesWritten - before
      if (used < chunk.length) return chunk.subarray(used)
      chunk = await this.#next()
    }
    this.#decoder.end()
    return undefined
  }

  /** Errors reach the reader of the decoder. */
  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#decoder.write(chunk, () => resolve()))
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      return await nextOf(this.#chunks)
    } catch (reason) {
      this.failure = { reason }
      this.#decoder.destroy()
      return undefined
    }
  }
}

/**
 * Zeros may follow a member (tape archives pad with them); the next other byte starts a new member.
 */
async function skipPadding(
  unread: Uint8Array | undefined,
  chunks: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | undefined> {
  let chunk = unread
  while (chunk !== undefined) {
    const start = chunk.findIndex((byte) => byte !== 0)
    if (start >= 0) return chunk.subarray(start)
    chunk = await nextOf(chunks)
  }
  return undefined
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const next = await chunks.next()
  return next.done === true ? undefined : next.value
}

function damaged(name: string, cause: unknown): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `${name} is a truncated or damaged compressed file. Copy or compress it again.`,
    { cause },
  )
}
