import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { OrgConfig } from '../../../src/shared/config.ts'
import type { Staging } from '../../../src/shared/staging.ts'
import { csvBody, csvLength, toRows } from '../../../src/worker/ingest/upload.ts'
import { ChunkStager, chunkLimit } from '../../../src/worker/plan/stage.ts'
import { id15, ids18 } from '../../helpers/ids.ts'

const LOT = { request: 'r', lot: 'p' }

/** Staging in memory: what was written is what is read. */
function memory(): { staging: Staging; lists: Uint8Array[][] } {
  const lists: Uint8Array[][] = []
  const staging: Staging = {
    write: (_lot, chunk) => {
      const hash = createHash('sha256')
      const blocks: Uint8Array[] = []
      lists[chunk] = blocks
      return {
        write: async (bytes) => {
          hash.update(bytes)
          blocks.push(bytes.slice())
        },
        end: async () => ({
          bytes: blocks.reduce((sum, { length }) => sum + length, 0),
          sha256: hash.digest('hex'),
        }),
      }
    },
    read: async function* (_lot, chunk) {
      yield* lists[chunk] ?? []
    },
    drop: async () => {},
    lots: async () => [],
  }
  return { staging, lists }
}

/** Ids from the n-th on, as the scan hands them over. */
const block = (from: number, count: number) =>
  Buffer.from(Array.from({ length: count }, (_, k) => id15(from + k)).join(''))

describe('cutting a plan into chunks', () => {
  test('fills every chunk but the last, and loses, doubles and moves nothing', async () => {
    const sizes = fc.array(fc.nat(40), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 50 }), async (blocks, limit) => {
        const { staging } = memory()
        const stager = new ChunkStager(staging, LOT, limit)
        let total = 0
        for (const size of blocks) {
          await stager.write(block(total, size))
          total += size
        }
        const chunks = await stager.end()
        assert.equal(chunks.length, Math.ceil(total / limit))
        assert.deepEqual(
          chunks.map(({ count }) => count),
          chunks.map((_, k) => Math.min(limit, total - k * limit)),
        )
        const csv = Buffer.concat(await Array.fromAsync(csvBody(chunks, staging)))
        assert.equal(csv.toString(), ['Id', ...ids18(total), ''].join('\n'))
        assert.equal(csv.length, csvLength(total))
      }),
      { numRuns: 100 },
    )
  })

  test('keeps every ingest job within both limits, and one id more would be too many', () => {
    const bytes = fc.integer({ min: 22, max: 150_000_000 })
    const records = fc.option(fc.integer({ min: 1, max: 10_000_000 }))
    fc.assert(
      fc.property(bytes, records, (maxJobBytes, maxJobRecords) => {
        const org: Pick<OrgConfig, 'maxJobBytes' | 'maxJobRecords'> = { maxJobBytes, maxJobRecords }
        const limit = chunkLimit({ ...ORG, ...org })
        assert.ok(limit >= 1)
        assert.ok(csvLength(limit) <= maxJobBytes)
        assert.ok(maxJobRecords === null || limit <= maxJobRecords)
        assert.ok(csvLength(limit + 1) > maxJobBytes || limit + 1 > (maxJobRecords ?? Infinity))
      }),
    )
  })
})

describe('the body of an upload', () => {
  test('has each id in 18 characters on a line of its own', () => {
    const rows = Buffer.from(toRows(block(123_456, 3))).toString()
    assert.equal(rows, `${ids18(3, 123_456).join('\n')}\n`)
  })

  test('never comes to its end where what is staged is not what was planned', async () => {
    const damage: Record<string, (list: Uint8Array[]) => void> = {
      'a frame lost': (list) => list.pop(),
      'a frame doubled': (list) => list.push(...list.slice(-1)),
      'frames swapped': (list) => list.reverse(),
      'a byte changed': (list) => list[0]?.set([0x7a], 5),
    }
    for (const [what, harm] of Object.entries(damage)) {
      const { staging, lists } = memory()
      const stager = new ChunkStager(staging, LOT, 100)
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

const ORG: OrgConfig = {
  ...{ name: 'x', credentials: null, expectedOrgId: null, apiVersion: '61.0', hardDelete: false },
  ...{ maxInFlight: 1, urgentInFlight: 1, maxRecords: 1, canary: 0 },
  ...{ maxJobBytes: 0, maxJobRecords: null },
}
