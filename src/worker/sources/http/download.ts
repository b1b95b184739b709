import { createHash } from 'node:crypto'
import { backoff } from '../../../shared/base/backoff.ts'
import type { Clock } from '../../../shared/base/clock.ts'
import type { SourceContent } from '../../../shared/contract/sources/read-file.ts'
import { tooLarge } from '../limit.ts'
import { changed, errorOfStatus, InterruptedError, unreadable } from './failure.ts'
import type { HttpAnswer } from './get.ts'
import { atMinimumRate } from './rate.ts'
import { difference, parseContentRange, parseLength, type Version, versionOf } from './version.ts'

interface DownloadOptions {
  /** The object, as messages call it. */
  readonly name: string
  /** @param headers `Range` and `If-Range` */
  get(headers: Readonly<Record<string, string>>): Promise<HttpAnswer>
  /** Called with the first answer, before its body is read. If it throws, reading ends. */
  opened(version: Version): Promise<void>
  /** After the last byte, before the reader sees the end. */
  ended(content: SourceContent): Promise<void>
  readonly maxBytes: number
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** For tests. */
  readonly stallMs?: number
}

/** So many failures in a row end the download. */
const MOST_FAILURES = 6
/** So many new bytes after a failure show that the connection works; the count starts again. */
const PROGRESS_BYTES = 1024 * 1024
const waitAfter = backoff({ first: 1000, factor: 2, cap: 30_000, jitter: [0.5, 1] })
/** The longest wait that a server may ask for: it holds one of the worker's few plans. */
const LONGEST_WAIT_MS = 120_000

/**
 * The bytes of exactly one version of an object, each once and in order, as they are sent. A lost
 * connection is resumed with `Range` if the version has a validator for `If-Range`. Otherwise the
 * object is read from its start, and the bytes that were given out already are skipped once their
 * digest has proved equal.
 *
 * @throws SourceError SOURCE_CHANGED if the object was replaced meanwhile
 * @throws SourceError if it cannot be read; after MOST_FAILURES if that may pass
 * @throws the signal's reason if it aborts
 */
export async function* download(options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const { name, clock, signal } = options
  const state = new Download(options)
  let failures = 0
  let failedAt = 0
  while (!state.isComplete) {
    try {
      yield* state.read()
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error
      if (state.bytes - failedAt >= PROGRESS_BYTES) failures = 0
      failures += 1
      failedAt = state.bytes
      if (failures === MOST_FAILURES) {
        const after = state.bytes > 0 ? ` after ${state.bytes} bytes` : ''
        throw unreadable(name, `${error.message}${after}, ${failures} times in a row`, {
          cause: error,
        })
      }
      const wait = Math.max(waitAfter(failures), Math.min(error.afterMs, LONGEST_WAIT_MS))
      await clock.sleep(wait, signal)
    }
  }
  await state.end()
}

class Download {
  readonly #options: DownloadOptions
  readonly #hash = createHash('sha256')
  /** Of the first answer; null before. */
  #version: Version | null = null
  /** Bytes given out. */
  #at = 0
  /** Size of the version that is being read, once it is known. */
  #total: number | null = null
  #isComplete = false
  /** False once the server has shown that its ranges cannot be used. */
  #hasRanges = true

  constructor(options: DownloadOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#at
  }

  /** Only an answer that ends as it should shows that everything was read. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  end(): Promise<void> {
    return this.#options.ended({ bytes: this.#at, sha256: this.#hash.digest('hex') })
  }

  /** The bytes of one answer that were not given out before. */
  async *read(): AsyncGenerator<Uint8Array> {
    const { get, stallMs } = this.#options
    const answer = await get(this.#rangeHeaders())
    try {
      const end = await this.#begin(answer)
      let rest: AsyncIterable<Uint8Array> = atMinimumRate(answer.body, stallMs)
      if (answer.status === 200 && this.#at > 0) rest = this.#skipping(rest)
      for await (const block of rest) {
        this.#at += block.length
        this.#assertSize(this.#at)
        this.#hash.update(block)
        yield block
      }
      this.#total ??= this.#at
      const most = Math.min(end ?? this.#total, this.#total)
      if (this.#at > most) throw this.#longer(most)
      if (this.#at < this.#total) throw new InterruptedError('the body was cut')
      this.#isComplete = true
    } finally {
      answer.discard()
    }
  }

  #rangeHeaders(): Readonly<Record<string, string>> {
    const validator = this.#version?.validator ?? null
    if (this.#at === 0 || validator === null || !this.#hasRanges) return {}
    return { range: `bytes=${this.#at}-`, 'if-range': validator }
  }

  /**
   * Checks the head of an answer.
   *
   * @returns the position at which its body ends; null if only its end will tell
   */
  async #begin({ status, headers }: HttpAnswer): Promise<number | null> {
    const { name } = this.#options
    if (status === 206 && this.#at > 0) return this.#beginRange(headers)
    // Ranges were refused, or refer to another size than before.
    if (status === 416 && this.#at > 0) throw this.#withoutRanges('answered 416')
    if (status !== 200) throw errorOfStatus(name, status, headers)
    const bytes = parseLength(headers['content-length'])
    if (bytes === null && !/\bchunked$/i.test(headers['transfer-encoding'] ?? '')) {
      throw unreadable(
        name,
        'the answer has neither Content-Length nor chunks, so a truncated list could not be recognized',
      )
    }
    await this.#compare(versionOf(headers, bytes))
    if (!this.#isProven(headers)) {
      // Maybe another version: its bytes must not be continued by a range of the first one, nor be
      // taken for complete because they are as many.
      this.#hasRanges = false
      this.#total = bytes
    }
    return bytes
  }

  /** Whether an answer is of the first one's version, by its validator. */
  #isProven({ etag, 'last-modified': lastModified }: HttpAnswer['headers']): boolean {
    const validator = this.#version?.validator ?? null
    return validator !== null && [etag, lastModified].includes(validator)
  }

  #beginRange(headers: HttpAnswer['headers']): number {
    const range = parseContentRange(headers['content-range'])
    // A server that ignores If-Range may send another version, and tells so by its validator alone.
    if (range === null || range.from !== this.#at || !this.#isProven(headers)) {
      throw this.#withoutRanges('sent another range than asked for')
    }
    this.#assertSame(versionOf(headers, range.bytes))
    this.#total = range.bytes
    return range.to + 1
  }

  #withoutRanges(what: string): InterruptedError {
    this.#hasRanges = false
    return new InterruptedError(`the server ${what}`)
  }

  async #compare(version: Version): Promise<void> {
    if (version.bytes !== null) this.#assertSize(version.bytes)
    if (this.#version !== null) return this.#assertSame(version)
    assertDecodable(version, this.#options.name)
    await this.#options.opened(version)
    this.#version = version
    this.#total = version.bytes
  }

  #assertSame(version: Version): void {
    const other = this.#version && difference(this.#version, version)
    if (other === null) return
    throw changed(this.#options.name, `expected ${other.expected}, found ${other.found}`)
  }

  #assertSize(bytes: number): void {
    const { name, maxBytes } = this.#options
    if (bytes > maxBytes) throw tooLarge(name, maxBytes)
  }

  #longer(end: number): Error {
    return changed(this.#options.name, `expected its end after ${end} bytes, found ${this.#at}`)
  }

  /** Leaves out the bytes that were given out before, if they are the same. */
  async *#skipping(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const expected = this.#hash.copy().digest('hex')
    const hash = createHash('sha256')
    let left = this.#at
    for await (const block of body) {
      const skipped = Math.min(left, block.length)
      if (left > 0) {
        hash.update(block.subarray(0, skipped))
        left -= skipped
        if (left === 0 && hash.digest('hex') !== expected) throw this.#replaced()
      }
      if (skipped < block.length) yield block.subarray(skipped)
    }
    if (left > 0) throw this.#replaced()
  }

  #replaced(): Error {
    return changed(
      this.#options.name,
      `its first ${this.#at} bytes are not those that were read before the connection was lost`,
    )
  }
}

/** What a body may be decoded from, by its first bytes. */
const ENCODINGS: ReadonlySet<string> = new Set(['', 'gzip', 'x-gzip', 'zstd'])

function assertDecodable({ encoding }: Version, name: string): void {
  if (ENCODINGS.has(encoding)) return
  throw unreadable(name, `expected Content-Encoding gzip, zstd or none, got ${encoding}`)
}
