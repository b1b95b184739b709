import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sweepPage } from '../../../src/worker/upkeep/rounds.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld } from '../../helpers/world.ts'

const redis = await startRedis({ after })

/** A list of six, two of them in each page. */
const read = async (from: string | null) => {
  const at = Number(from ?? 0)
  return { entries: [at, at + 1], next: at === 4 ? null : String(at + 2) }
}

test('each turn continues where the last one ended, and the first follows the last', async (t) => {
  const { store } = await startWorld(t, { redis })
  const seen: number[] = []
  const turn = () => sweepPage(store, 'live', read, async (entry) => void seen.push(entry))
  for (let turns = 0; turns < 3; turns++) await turn()
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  assert.equal(await store.redis.exists(store.ledger.keys.rounds), 0)
  await turn()
  assert.deepEqual(seen.slice(6), [0, 1])
})

test('a turn that is interrupted is repeated, and lists do not share their place', async (t) => {
  const { store } = await startWorld(t, { redis })
  const seen: number[] = []
  const note = async (entry: number) => void seen.push(entry)
  await sweepPage(store, 'live', read, note)
  const interrupted = sweepPage(store, 'live', read, async () => {
    throw new Error('stopped')
  })
  await assert.rejects(interrupted, /stopped/)
  await sweepPage(store, 'live', read, note)
  await sweepPage(store, 'staged', read, note)
  assert.deepEqual(seen, [0, 1, 2, 3, 0, 1])
})
