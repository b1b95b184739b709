import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { fc, runs } from '../helpers/fast-check.ts'
import { csv, id, ids, setup } from './client.ts'

test('every row sent is in exactly one result file, whatever becomes of the job', async (t) => {
  const { sandbox, client } = await setup(t, {
    rows: { rules: [{ code: 'DELETE_FAILED', ratio: 0.2 }] },
  })
  const row = fc.oneof(
    fc.nat(2_000).map((n) => id(n)),
    fc.nat(2_000).map((n) => id(n).slice(0, 15)),
    fc.constantFrom(id(1, '00Q'), 'nonsense', '0035f0000000001AAB'),
  )
  const jobs = fc.record({
    rows: fc.array(row, { minLength: 1, maxLength: 40 }),
    failAfter: fc.option(fc.nat(40)),
  })
  await fc.assert(
    fc.asyncProperty(jobs, async ({ rows, failAfter }) => {
      sandbox.faults.clear()
      if (failAfter !== null) {
        const action = { do: 'fail', code: 'Timeout', afterRows: failAfter } as const
        sandbox.faults.add({ on: 'job', action })
      }
      const job = await client.run(csv(rows))
      const ok = await client.rows(job, 'successfulResults')
      const failed = await client.rows(job, 'failedResults')
      const left = await client.rows(job, 'unprocessedrecords')
      assert.deepEqual([...ok, ...failed, ...left].map((line) => line.at(-1)).sort(), rows.sort())
      const { json } = await client.get(job)
      assert.equal(json.numberRecordsProcessed, ok.length + failed.length)
      assert.equal(json.numberRecordsFailed, failed.length)
      assert.equal(left.length, Math.max(0, rows.length - (failAfter ?? rows.length)))
      for (const [sfId, , value = ''] of ok) assert.equal(sfId?.slice(0, 15), value.slice(0, 15))
    }),
    { numRuns: runs(40) },
  )
})

test('rows are processed a turn at a time, at the rate that is set', async (t) => {
  const { sandbox, client } = await setup(t, { rowsPerSecond: 4_000 })
  const seen = new Set<number>()
  const watch = sandbox.referee.until(({ jobs }) => {
    seen.add(jobs[0]?.processed ?? 0)
    return jobs[0]?.state === 'JobComplete'
  })
  await client.run(csv(ids(500)))
  await watch
  assert.deepEqual([...seen], [0, 200, 400, 500])
})

test('uploads live as long as their job, or the sandbox', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'expunge-test-'))
  t.after(() => rm(directory, { recursive: true }))
  const { sandbox, client } = await setup(t, { directory })
  const uploads = async () =>
    (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.csv')).length
  const job = await client.run(csv(ids(1)))
  await client.run(csv(ids(1, 1)))
  assert.equal(await uploads(), 2)
  await client.rest('DELETE', `/jobs/ingest/${job}`)
  assert.equal(await uploads(), 1)
  await sandbox.close()
  assert.deepEqual(await readdir(directory), [])
})

test('closing ends jobs, calls and waits at once', async (t) => {
  const { sandbox, client } = await setup(t, {
    queueDelayMs: 60_000,
    faults: [{ on: 'limits', action: { do: 'stall' } }],
  })
  await client.upload(await client.create(), csv(ids(1)))
  const job = await client.create()
  await client.patch(job, 'UploadComplete')
  const stalled = assert.rejects(client.rest('GET', '/limits'))
  await sandbox.referee.until(({ calls }) => calls['limits']?.received === 1)
  await sandbox.close()
  await stalled
})

test('a port in use and a wrong org id are refused', async (t) => {
  const { sandbox } = await setup(t)
  await assert.rejects(startSandbox({ port: Number(new URL(sandbox.url).port) }), /EADDRINUSE/)
  await assert.rejects(startSandbox({ orgId: '0015f0000000001' }), /^RangeError: orgId: expected/)
})

test('other objects can be added', async (t) => {
  const { client } = await setup(t, { objects: [{ name: 'Account', prefix: '001' }] })
  const job = await client.run(csv([id(1, '001'), id(1)]), { object: 'Account' })
  assert.equal((await client.rows(job, 'successfulResults')).length, 1)
  assert.match((await client.rows(job, 'failedResults'))[0]?.[1] ?? '', /entity type 'Account'/)
})
