import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { to18 } from '../../../src/shared/contract/record-id.ts'
import { ChunkStager } from '../../../src/worker/ids/chunk-stager.ts'
import { csvBody, csvLength, idsOfJob, toRows } from '../../../src/worker/ids/delete-csv.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, ids18 } from '../../helpers/ids.ts'
import { memoryStaging } from '../plan/memory-staging.ts'

const LOT = { request: 'r', lot: 'p' }

/** Ids from the n-th on, as the scan hands them over. */
const block = (from: number, count: number) =>
  Buffer.from(Array.from({ length: count }, (_, k) => id15(from + k)).join(''))

describe('cutting a plan into chunks', () => {
  test('fills every chunk but the last, and loses, doubles and moves nothing', async () => {
    const sizes = fc.array(fc.nat(40), { maxLength: 8 })
    const limit = fc.integer({ min: 1, max: 50 })
    await fc.assert(
      fc.asyncProperty(sizes, limit, limit, async (blocks, first, other) => {
        const { staging } = memoryStaging()
        const stager = new ChunkStager(staging, LOT, { first, other })
        let total = 0
        for (const size of blocks) {
          await stager.write(block(total, size))
          total += size
        }
        const full = stager.chunks
        const chunks = await stager.end()
        const expected: number[] = []
        for (let left = total; left > 0; ) {
          const count = Math.min(expected.length === 0 ? first : other, left)
          expected.push(count)
          left -= count
        }
        assert.deepEqual(
          chunks.map(({ count }) => count),
          expected,
        )
        assert.ok(full === chunks.length || full === chunks.length - 1)
        assert.deepEqual(
          chunks.map(({ chunk, attempt }) => [chunk, attempt]),
          chunks.map((_, index) => [index, 1]),
        )
        const csv = Buffer.concat(await Array.fromAsync(csvBody(chunks, staging)))
        assert.equal(csv.toString(), ['Id', ...ids18(total), ''].join('\n'))
        assert.equal(csv.length, csvLength(total))
      }),
      { numRuns: runs(100) },
    )
  })

  test('numbers and marks the chunks of rows that go again as it is told', async () => {
    const { staging } = memoryStaging()
    const alike = { first: 7, attempt: 3, excused: 1, doubt: true }
    const stager = new ChunkStager(staging, LOT, { first: 2, other: 2 }, alike)
    await stager.write(block(0, 5))
    const marks = { ...LOT, attempt: 3, excused: 1, doubt: true }
    assert.deepEqual(
      (await stager.end()).map(({ sha256: _, ...chunk }) => chunk),
      [
        { ...marks, chunk: 7, count: 2 },
        { ...marks, chunk: 8, count: 2 },
        { ...marks, chunk: 9, count: 1 },
      ],
    )
    const csv = Buffer.concat(await Array.fromAsync(csvBody(await stager.end(), staging)))
    assert.equal(csv.toString(), ['Id', ...ids18(5), ''].join('\n'))
  })

  test('without an id makes no chunk', async () => {
    const { staging, lists } = memoryStaging()
    const stager = new ChunkStager(staging, LOT, { first: 2, other: 2 })
    await stager.write(block(0, 0))
    assert.deepEqual(await stager.end(), [])
    assert.deepEqual(lists, [])
  })

  test('keeps every ingest job within both limits, and one id more would be too many', () => {
    const bytes = fc.integer({ min: 22, max: 150_000_000 })
    const records = fc.option(fc.integer({ min: 1, max: 10_000_000 }))
    fc.assert(
      fc.property(bytes, records, (maxJobBytes, maxJobRecords) => {
        const ids = idsOfJob({ maxJobBytes, maxJobRecords })
        assert.ok(ids >= 1)
        assert.ok(csvLength(ids) <= maxJobBytes)
        assert.ok(maxJobRecords === null || ids <= maxJobRecords)
        assert.ok(csvLength(ids + 1) > maxJobBytes || ids + 1 > (maxJobRecords ?? Infinity))
      }),
    )
  })
})

describe('the body of an upload', () => {
  test('has each id in 18 characters on a line of its own', () => {
    const rows = Buffer.from(toRows(block(123_456, 3))).toString()
    assert.equal(rows, `${ids18(3, 123_456).join('\n')}\n`)
  })

  test('says of each character in its suffix whether it is upper case', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[0-9A-Za-z]{15}$/)), (ids) => {
        const rows = Buffer.from(toRows(Buffer.from(ids.join('')))).toString()
        assert.equal(rows, ids.map((id) => `${to18(id)}\n`).join(''))
      }),
    )
  })

  test('never comes to its end where what is staged is not what was planned', async () => {
    const damage: Record<string, (list: Uint8Array[]) => void> = {
      'a frame lost': (list) => list.pop(),
      'a frame doubled': (list) => list.push(...list.slice(-1)),
      'frames swapped': (list) => list.reverse(),
      'a byte changed': (list) => list[0]?.set([0x7a], 5),
      'part of an id lost': (list) => list.push(...list.splice(-1).map((ids) => ids.slice(0, -4))),
    }
    for (const [what, harm] of Object.entries(damage)) {
      const { staging, lists } = memoryStaging()
      const stager = new ChunkStager(staging, LOT, { first: 100, other: 100 })
      for (let k = 0; k < 3; k++) await stager.write(block(k * 10, 10))
      const chunks = await stager.end()
      harm(lists[0] ?? [])
      let sent = 0
      const reading = (async () => {
        for await (const bytes of csvBody(chunks, staging)) sent += bytes.length
      })()
      await assert.rejects(reading, { code: 'STAGING_DAMAGED' }, what)
      assert.ok(sent < csvLength(30), `${what}: ${sent} bytes were sent`)
    }
  })
})
