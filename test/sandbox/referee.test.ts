import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { csv, id, ids, setup } from './client.ts'

test('a clean run has counts and no violations', async (t) => {
  const { sandbox, client } = await setup(t, {
    rows: { rules: [{ code: 'DELETE_FAILED', ids: [id(2)] }] },
  })
  const job = await client.run(csv(ids(5)))
  const stats = sandbox.referee.stats()
  assert.deepEqual(stats.violations, [])
  assert.deepEqual(stats.verdicts, { DELETED: 4, DELETE_FAILED: 1 })
  assert.deepEqual(
    [stats.rowsReceived, stats.rowsDeleted, stats.uploadedBytes, stats.apiRequests],
    [5, 4, csv(ids(5)).length, 3],
  )
  assert.deepEqual(stats.calls['token'], { received: 1, answered: { 200: 1 } })
  const [record] = stats.jobs
  assert.deepEqual(
    [record?.id, record?.state, record?.rows, record?.processed, record?.failed],
    [job, 'JobComplete', 5, 5, 1],
  )
  assert.ok(Number(record?.closedAt) <= Number(record?.finishedAt))
  assert.deepEqual(sandbox.referee.verdictsOf(id(1).slice(0, 15)), ['DELETED'])
  assert.deepEqual(sandbox.referee.verdictsOf(id(2)), ['DELETE_FAILED'])
  assert.deepEqual(sandbox.referee.verdictsOf(id(9)), [])
})

test('an id keeps all the verdicts it was given', async (t) => {
  const { sandbox, client } = await setup(t, {
    rows: { rules: [{ code: 'UNABLE_TO_LOCK_ROW', times: 1 }] },
  })
  await client.run(csv([id(1)]))
  await client.run(csv([id(1)]))
  assert.deepEqual(sandbox.referee.verdictsOf(id(1)), ['DELETED', 'UNABLE_TO_LOCK_ROW'])
  const { rowsSentAgain, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([rowsSentAgain, violationCounts], [1, {}])
})

test('the window of jobs at work is measured, and of those not seen to their end', async (t) => {
  const { sandbox, client } = await setup(t, {
    faults: [{ on: 'job', action: { do: 'hold' } }],
  })
  const jobs = [await client.create(), await client.create(), await client.create()]
  for (const job of jobs) await client.upload(job, csv([id(jobs.indexOf(job))]))
  const [one = '', two = '', three = ''] = jobs
  await client.patch(one, 'UploadComplete')
  await client.patch(two, 'UploadComplete')
  await client.patch(one, 'Aborted')
  await client.patch(three, 'UploadComplete')
  const { jobsAtWork, maxJobsAtWork, maxJobsUnseen } = sandbox.referee.stats()
  assert.deepEqual([jobsAtWork, maxJobsAtWork, maxJobsUnseen], [2, 2, 2])
})

test('a job whose end nobody asked for stays in the unseen window', async (t) => {
  const { sandbox, client } = await setup(t)
  const first = await client.run(csv([id(1)]))
  await client.run(csv([id(2)]))
  assert.deepEqual(
    [sandbox.referee.stats().maxJobsAtWork, sandbox.referee.stats().maxJobsUnseen],
    [1, 2],
  )
  await client.get(first)
  await client.run(csv([id(3)]))
  assert.equal(sandbox.referee.stats().maxJobsUnseen, 2)
})

test('rows of a job that never ran are looked at all the same', async (t) => {
  const { sandbox, client } = await setup(t)
  const open = await client.create()
  await client.upload(open, csv(['nonsense', id(1), id(1)]))
  await client.patch(open, 'Aborted')
  await sandbox.idle()
  assert.deepEqual(sandbox.referee.stats().violationCounts, {
    MALFORMED_ID: 1,
    DUPLICATE_IN_JOB: 1,
  })
  assert.equal(sandbox.referee.stats().rowsDeleted, 0)
})

test('uploads of a wrong kind break the rules', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  const path = `/jobs/ingest/${job}/batches`
  const json = await client.rest('PUT', path, { Id: id(1) })
  const gzip = await client.rest('PUT', path, 'Id\n', { 'Content-Encoding': 'gzip' })
  assert.deepEqual([json.status, gzip.status], [415, 415])
  const quoted = await client.run(`"Id"\n${id(1)}\n`)
  assert.equal((await client.get(quoted)).json.state, 'JobComplete')
  const lower = await client.run(`id\n${id(2)}\n`)
  assert.equal((await client.get(lower)).json.state, 'JobComplete')
  const empty = await client.create()
  await client.patch(empty, 'UploadComplete')
  assert.deepEqual(sandbox.referee.stats().violationCounts, {
    WRONG_CONTENT_TYPE: 2,
    WRONG_HEADER: 2,
    CLOSED_WITHOUT_UPLOAD: 1,
  })
})

test('a chunked upload is taken, and noted', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  const url = `${sandbox.url}/services/data/v61.0/jobs/ingest/${job}/batches`
  const headers = { authorization: `Bearer ${client.token}`, 'content-type': 'text/csv' }
  const call = httpRequest(url, { method: 'PUT', headers })
  call.write('Id\n')
  call.end(`${id(1)}\n`)
  const [response]: IncomingMessage[] = await once(call, 'response')
  response?.resume()
  assert.equal(response?.statusCode, 201)
  assert.deepEqual(sandbox.referee.stats().violationCounts, { NO_CONTENT_LENGTH: 1 })
})

test('an upload past the limit is 413, whether it says so or not', async (t) => {
  const { sandbox, client } = await setup(t, { maxUploadBytes: 100 })
  const job = await client.create()
  const { status, refusal } = await client.upload(job, csv(ids(10)))
  assert.deepEqual([status, refusal.errorCode], [413, 'EXCEEDED_MAX_SIZE_REQUEST'])
  const body = new Blob([csv(ids(10))]).stream()
  const chunked = await fetch(`${sandbox.url}/services/data/v61.0/jobs/ingest/${job}/batches`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${client.token}`, 'Content-Type': 'text/csv' },
    body,
    duplex: 'half',
  })
  assert.equal(chunked.status, 413)
  assert.equal(sandbox.referee.stats().violationCounts['UPLOAD_TOO_LARGE'], 2)
  assert.equal((await client.upload(job, csv(ids(1)))).status, 201)
})
