import assert from 'node:assert/strict'
import { type Receipt, totalOf } from '../../../src/shared/contract/receipt.ts'
import { linesOf } from '../../helpers/deletion.ts'
import type { World } from '../../helpers/world.ts'

/** Whatever the answers said: each id has one verdict, and none is told deleted that was not. */
export async function assertHonest(
  world: World,
  ids: readonly string[],
  receipt: Receipt,
): Promise<void> {
  const { outcome: counts, error } = receipt
  assert.ok(counts)
  assert.equal(totalOf(counts), ids.length)
  const failed = ((await linesOf(world, receipt.id, 'failed.csv')) ?? []).map((line) =>
    line.slice(0, 18),
  )
  const unprocessed = (await linesOf(world, receipt.id, 'unprocessed.csv')) ?? []
  assert.deepEqual([failed.length, unprocessed.length], [counts.failed, counts.unprocessed])
  const listed = new Set([...failed, ...unprocessed])
  assert.equal(listed.size, failed.length + unprocessed.length)
  const { referee } = world.sandbox
  const isDeleted = (id: string) => referee.verdictsOf(id).includes('DELETED')
  for (const id of ids) assert.ok(listed.has(id) || isDeleted(id), `${id} is told deleted`)
  for (const id of (await linesOf(world, receipt.id, 'deleted.csv')) ?? []) {
    assert.ok(isDeleted(id) && !listed.has(id), `${id} is written down as deleted`)
  }
  // Whoever is told less than the truth is told so.
  if (failed.some(isDeleted) || unprocessed.length > 0) assert.notEqual(error, null)
}
