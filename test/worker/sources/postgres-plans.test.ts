import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import {
  postgresUnavailable,
  startPostgres,
  type TestPostgres,
  warehouseAt,
} from '../../helpers/postgres.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld } from '../../helpers/world.ts'
import { describePlans } from './conformance-plans.ts'

const redis = await startRedis({ after })
const skip = await postgresUnavailable()
if (skip === false) describeQueries(await startPostgres())

function describeQueries(db: TestPostgres): void {
  /** A table of the rows of a CSV, in their order. */
  const tableOf = async (bytes: Buffer): Promise<string> => {
    const table = db.unique('ids')
    const [, ...ids] = bytes.toString().trim().split('\n')
    await db.admin(`CREATE TABLE ${table} (n serial, id text); GRANT SELECT ON ${table} TO reader`)
    await db.admin(`INSERT INTO ${table} (id) SELECT unnest($1::text[])`, [ids])
    return table
  }
  const sourceOf = (query: string) =>
    ({ source: { type: 'postgres', connection: 'warehouse', query } }) as const
  /** All rows, with something else in place of the one in the middle. */
  const halfOf = async (bytes: Buffer, instead: string) => {
    const table = await tableOf(bytes)
    const half = `(SELECT count(*) / 2 FROM ${table})`
    return sourceOf(
      `SELECT CASE WHEN n = ${half} THEN ${instead} ELSE id END FROM ${table} ORDER BY n`,
    )
  }

  describePlans('postgres', {
    redis,
    settings: () => warehouseAt(db.url()),
    of: async (_, bytes) => sourceOf(`SELECT id FROM ${await tableOf(bytes)} ORDER BY n`),
    breaking: async (_, bytes) => ({
      ...(await halfOf(bytes, '(1 / (n - n))::text')),
      code: 'SOURCE_QUERY_FAILED',
    }),
    stalling: (_, bytes) => halfOf(bytes, 'pg_sleep(600)::text'),
    // A session ends on the server a moment after its connection.
    open: async () => {
      const mine = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'reader'"
      const deadline = Date.now() + 10_000
      for (;;) {
        const [row] = await db.admin<{ n: number }>(mine)
        const n = row?.n ?? 0
        if (n === 0 || Date.now() > deadline) return n
        await delay(50)
      }
    },
    secrets: [db.password],
    secondRow: { line: 2, words: 'row 2' },
  })

  test('its plan can be applied later, whatever the query returns then', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker({ sources: warehouseAt(db.url()) })
    const { org, producer } = world
    const table = await tableOf(Buffer.from(['Id', ...ids18(3), ''].join('\n')))
    const given = sourceOf(`TABLE ${table}_ids`)
    await db.admin(`CREATE VIEW ${table}_ids AS SELECT id FROM ${table}`)
    await db.admin(`GRANT SELECT ON ${table}_ids TO reader`)
    const id = 'dry'
    await producer.submit({ id, org, object: 'Contact', dryRun: true, ...given })
    await receiptOf(world, id)
    await db.admin(`DELETE FROM ${table}`)
    await producer.approve(id, { org })
    assert.equal((await receiptOf(world, 'dry-apply')).outcome?.deleted, 3)
  })

  test('one id with two queries is a conflict', async (t) => {
    const { org, producer } = await startWorld(t, { redis })
    const submit = (query: string) =>
      producer.submit({ id: 'purge', org, object: 'Contact', ...sourceOf(query) })
    const first = await submit('SELECT 1')
    const again = await submit('SELECT 1')
    assert.deepEqual([first.created, again.created], [true, false])
    await assert.rejects(submit('SELECT 2'), { code: 'ID_TAKEN', differences: ['source.query'] })
  })
}
