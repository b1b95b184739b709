import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { LIVE_STATUSES } from '../../../../src/shared/contract/status.ts'
import { scoresOf, submittedAtOf } from '../../../../src/shared/store/ledger/live.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkRef,
  ingestOrder,
  openLedger,
  receipt,
  settlement,
  submission,
} from './setup.ts'

const server = await startRedis({ after })
const ORDER = ingestOrder('order-a', [chunkRef('R1', 0)])

/** How many requests stand at each live status. */
async function counts({ redis, keys }: Bundle): Promise<Readonly<Record<string, number>>> {
  const found = LIVE_STATUSES.map(
    async (status) => [status, await redis.zcount(keys.live, ...scoresOf(status))] as const,
  )
  return Object.fromEntries((await Promise.all(found)).filter(([, count]) => count > 0))
}

test('a request stands where its status is, from its submission to its end', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.submit('R1')
  assert.deepEqual(await counts(bundle), { queued: 1 })
  await bundle.submit('R1')
  assert.deepEqual(await counts(bundle), { queued: 1 })
  await bundle.planning('R1')
  assert.deepEqual(await counts(bundle), { planning: 1 })
  await bundle.parked('R1', [ORDER])
  assert.deepEqual(await counts(bundle), { 'awaiting-approval': 1 })
  await ledger.approve('R1')
  await ledger.approve('R1')
  assert.deepEqual(await counts(bundle), { deleting: 1 })
  await bundle.submit('R2')
  assert.deepEqual(await counts(bundle), { deleting: 1, queued: 1 })
  await ledger.settle(settlement('R2', { receipt: receipt('R2', 'cancelled'), from: ['queued'] }))
  assert.deepEqual(await counts(bundle), { deleting: 1 })
  assert.deepEqual(await ledger.liveIds(), ['r1'])
})

test('the oldest of a status is the first there, and keeps its age on the way', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  const times = [1_795_600_000_000, 1_795_600_000_007, 1_795_500_000_000]
  for (const [n, time] of times.entries()) await ledger.accept(submission({ id: `R${n}` }, time))
  const oldest = async (status: (typeof LIVE_STATUSES)[number]) => {
    const [from, to] = scoresOf(status)
    const [id, score] = await redis.zrangebyscore(
      ...([keys.live, from, to, 'WITHSCORES', 'LIMIT', 0, 1] as const),
    )
    return { id, submittedAt: submittedAtOf(Number(score)) }
  }
  assert.deepEqual(await oldest('queued'), { id: 'r2', submittedAt: times[2] })
  await bundle.planning('R2')
  assert.deepEqual(await oldest('queued'), { id: 'r0', submittedAt: times[0] })
  assert.deepEqual(await oldest('planning'), { id: 'r2', submittedAt: times[2] })
})

test('a record without a time moves on all the same', async (t) => {
  const bundle = openLedger(t, server)
  const { redis, keys } = bundle
  await bundle.submit('R1')
  await redis.hdel(keys.request('R1'), 'submittedAt')
  await bundle.planning('R1')
  assert.deepEqual(await counts(bundle), { planning: 1 })
})

test('pages of live requests have each once, those of one moment together', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const moments = [0, 1, 1, 1, 2, 3, 3, 4].map((ms) => 1_795_600_000_000 + ms)
  for (const [n, time] of moments.entries()) await ledger.accept(submission({ id: `R${n}` }, time))
  await bundle.planning('R0')
  const pages: (readonly string[])[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<typeof ledger.livePage>> = await ledger.livePage(after, 2)
    pages.push(page.entries)
    after = page.next
  } while (after !== null)
  assert.deepEqual(pages, [
    ['r1', 'r2', 'r3'],
    ['r4', 'r5', 'r6'],
    ['r7', 'r0'],
  ])
})
