import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { checkOrg } from '../../src/cli/doctor/salesforce.ts'
import { checkWaiting } from '../../src/cli/doctor/store.ts'
import { waitingSentences } from '../../src/cli/render/waiting.ts'
import { pauses } from '../../src/shared/store/waiting.ts'
import { receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })
const HOUR = 3_600_000

/** A day, of which an hour is believed. */
const asksForADay = (status: number) =>
  ({ do: 'answer', status, body: 'empty', headers: { 'Retry-After': '86400' } }) as const

describe('a server that asks for a day', { concurrency: true }, () => {
  for (const status of [429, 503]) {
    test(`with ${status} at create pauses the org for an hour, says so, and a cancel ends it at once`, async (t) => {
      const world = await startWorld(t, { redis })
      const { sandbox, producer, org } = world
      sandbox.faults.add({ on: 'create', times: 1000, action: asksForADay(status) })
      await world.startWorker()
      const id = await submitIds(world, ids18(3))
      const fault = await faultOf(world)
      const wait = fault.until - fault.since
      assert.ok(wait > HOUR - 60_000 && wait <= HOUR, `${wait} ms`)
      const [said = ''] = waitingSentences(pauses({ operator: null, fault }), {
        ...{ org, embedded: false },
      })
      assert.match(said, /next attempt at .* UTC\. .* Retry-After holds calls back for 3600 s\./)
      const [finding] = await checkWaiting(world.store, false)
      assert.deepEqual([finding?.verdict, finding?.found], ['fail', said])
      await producer.cancel(id, { org })
      assert.equal((await receiptOf(world, id)).status, 'cancelled')
      assert.deepEqual(
        sandbox.faults.list().map(({ fired }) => fired),
        [1],
      )
    })
  }
})

test('a server that will not tell the allowances now is not taken for a missing permission', async (t) => {
  const { sandbox, config, org } = await startWorld(t, { redis })
  sandbox.faults.add({ on: 'limits', times: 10, action: asksForADay(429) })
  const own = config.orgs.get(org)
  assert.ok(own)
  const findings = await checkOrg(own, config, { store: null, asked: null })
  const quotas = findings.find(({ check }) => check === 'Quotas')
  assert.equal(quotas?.verdict, 'fail')
  assert.match(quotas.found, /429: .* Retry-After holds calls back for 3600 s\./)
})

function faultOf({ store }: World) {
  return poll(async () => (await store.ledger.pauseState()).fault)
}
