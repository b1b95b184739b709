import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PlanChangedError, type Receipt } from '../../src/producer/producer.ts'
import { receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
await world.startWorker()
const { org, producer } = world

async function parked(id: string): Promise<void> {
  await submitIds(world, ids18(3), { id, approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
}

const signers = ({ submittedBy, approvedBy, cancelledBy }: Receipt) => [
  submittedBy,
  approvedBy && [approvedBy.actor, approvedBy.reason],
  cancelledBy && [cancelledBy.actor, cancelledBy.reason],
]

test('the receipt says who submitted and who approved', async () => {
  const source = { type: 'ids', ids: ids18(3) } as const
  const request = { id: 'signed', org, object: 'Contact', source, approval: 'required' } as const
  await producer.submit(request, undefined, { submittedBy: 'crm' })
  await statusReached(world, 'signed', 'awaiting-approval')
  await producer.approve('signed', { org, by: 'officer', reason: 'Art. 17' })
  assert.deepEqual(signers(await receiptOf(world, 'signed')), ['crm', ['officer', 'Art. 17'], null])
})

test('the receipt says who cancelled, or turned the plan down', async () => {
  await parked('withdrawn')
  await producer.cancel('withdrawn', { org, reason: 'Withdrawn.' })
  assert.deepEqual(signers(await receiptOf(world, 'withdrawn')), [
    null,
    null,
    ['library', 'Withdrawn.'],
  ])
  await parked('declined')
  await producer.decline('declined', { org, by: 'officer' })
  assert.deepEqual(signers(await receiptOf(world, 'declined')), [null, null, ['officer', null]])
})

test('another plan than the one that was looked at is not approved', async () => {
  await parked('other')
  const approval = producer.approve('other', { org, plan: 'f'.repeat(64) })
  await assert.rejects(approval, PlanChangedError)
  const view = await producer.inspect('other', { org })
  assert.equal(view?.status, 'awaiting-approval')
  await producer.approve('other', { org, plan: view?.plan?.sha256 ?? '' })
  assert.equal((await receiptOf(world, 'other')).status, 'completed')
})
