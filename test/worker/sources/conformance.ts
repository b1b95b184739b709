import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'

/** The bytes of one source, for whoever opens it. */
interface Source {
  open(signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** What a kind of source must offer to be put to the test. */
export interface SourceUnderTest {
  /** A source of exactly these bytes. Cleans up by `t.after`. */
  of(t: TestContext, bytes: Uint8Array): Promise<Source>
  /** A source that fails after it was opened, and the error that tells. */
  failing(t: TestContext): Promise<{ readonly source: Source; readonly error: object }>
  /** How many connections, handles and the like are open now. */
  open(): Promise<number>
}

/** What the bytes of every source promise; conformance-plans.ts has what its requests promise. */
export function describeSource(kind: string, sources: SourceUnderTest): void {
  describe(`the ${kind} source`, () => {
    test('yields exactly its bytes, in order', async (t) => {
      const bytes = numbered(3_000_000)
      const source = await sources.of(t, bytes)
      const read = await readAll(source)
      assert.equal(Buffer.compare(read, bytes), 0)
    })

    test('yields no byte where there is none', async (t) => {
      const source = await sources.of(t, new Uint8Array(0))
      assert.equal((await readAll(source)).length, 0)
    })

    test('yields one byte where there is one', async (t) => {
      const source = await sources.of(t, Uint8Array.of(65))
      assert.deepEqual([...(await readAll(source))], [65])
    })

    test('leaves chunks alone that it has handed out', async (t) => {
      const bytes = numbered(2_000_000)
      const source = await sources.of(t, bytes)
      const chunks: Uint8Array[] = []
      for await (const chunk of source.open()) chunks.push(chunk)
      assert.equal(Buffer.compare(Buffer.concat(chunks), bytes), 0)
    })

    test('closes what it opened when it is read to its end', async (t) => {
      const source = await sources.of(t, numbered(100_000))
      const before = await sources.open()
      await readAll(source)
      assert.equal(await sources.open(), before)
    })

    test('closes what it opened when its reader leaves early', async (t) => {
      const source = await sources.of(t, numbered(3_000_000))
      const before = await sources.open()
      for await (const _ of source.open()) break
      assert.equal(await sources.open(), before)
    })

    test("throws the signal's reason into the loop, and closes what it opened", async (t) => {
      const source = await sources.of(t, numbered(3_000_000))
      const before = await sources.open()
      const abort = new AbortController()
      const reason = new Error('told to stop')
      const reading = async () => {
        for await (const _ of source.open(abort.signal)) abort.abort(reason)
      }
      await assert.rejects(reading(), (error) => error === reason)
      assert.equal(await sources.open(), before)
    })

    test('throws at once where the signal was aborted before', async (t) => {
      const source = await sources.of(t, numbered(1000))
      const reason = new Error('told before')
      const reading = async () => {
        for await (const _ of source.open(AbortSignal.abort(reason))) assert.fail('it was read')
      }
      await assert.rejects(reading(), (error) => error === reason)
    })

    test('throws its failure into the loop', async (t) => {
      const { source, error } = await sources.failing(t)
      const before = await sources.open()
      await assert.rejects(readAll(source), error)
      assert.equal(await sources.open(), before)
    })
  })
}

export async function readAll(source: Source): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source.open()) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Text in which no two stretches are alike, so that none can change places. */
function numbered(length: number): Uint8Array {
  const lines = Array.from(
    { length: Math.ceil(length / 8) },
    (_, n) => `${String(n).padStart(7, '0')}\n`,
  )
  return Buffer.from(lines.join('')).subarray(0, length)
}
