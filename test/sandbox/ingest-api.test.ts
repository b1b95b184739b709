import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalId } from '../../src/shared/contract/record-id.ts'
import { csv, ids, setup } from './client.ts'

const HEAD = [
  'id',
  'operation',
  'object',
  'createdById',
  'createdDate',
  'systemModstamp',
  'state',
  'concurrencyMode',
  'contentType',
  'apiVersion',
]
const FORMAT = ['lineEnding', 'columnDelimiter']
const COUNTERS = [
  'numberRecordsProcessed',
  'numberRecordsFailed',
  'retries',
  'totalProcessingTime',
  'apiActiveProcessingTime',
  'apexProcessingTime',
  'isPkChunkingSupported',
]

test('a job shows other fields at create, get, close, end and in the list', async (t) => {
  const { sandbox, client } = await setup(t)
  const created = await client.rest('POST', '/jobs/ingest', {
    object: 'Contact',
    operation: 'delete',
    contentType: 'CSV',
    lineEnding: 'LF',
  })
  assert.equal(created.status, 200)
  const { json: job } = created
  assert.deepEqual(Object.keys(job), [...HEAD, 'contentUrl', ...FORMAT])
  assert.match(job.id, /^750/)
  assert.ok(canonicalId(job.id))
  assert.equal(job.apiVersion, 61)
  assert.equal(job.contentUrl, `services/data/v61.0/jobs/ingest/${job.id}/batches`)
  assert.match(job.createdDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/)

  const open = (await client.get(job.id)).json
  const [retries, ...times] = COUNTERS.slice(2)
  assert.deepEqual(Object.keys(open), [
    ...HEAD,
    'jobType',
    'contentUrl',
    ...FORMAT,
    retries,
    ...times,
  ])
  const listed = (await client.rest('GET', '/jobs/ingest')).json
  assert.deepEqual(Object.keys(listed.records[0] ?? {}), [
    ...HEAD,
    'jobType',
    ...FORMAT,
    'contentUrl',
  ])
  assert.deepEqual([listed.done, listed.nextRecordsUrl], [true, null])

  const uploaded = await client.upload(job.id, csv(ids(3)))
  assert.deepEqual([uploaded.status, uploaded.text], [201, ''])
  const closed = await client.patch(job.id, 'UploadComplete')
  assert.equal(closed.status, 200)
  assert.deepEqual(Object.keys(closed.json), HEAD)
  await sandbox.idle()
  const done = (await client.get(job.id)).json
  assert.deepEqual(Object.keys(done), [...HEAD, 'jobType', ...FORMAT, ...COUNTERS])
  assert.deepEqual(
    [done.state, done.numberRecordsProcessed, done.numberRecordsFailed],
    ['JobComplete', 3, 0],
  )
})

test('every REST answer tells the usage, and limits go down', async (t) => {
  const { client } = await setup(t, { dailyApiRequests: 10, dailyBulkApiBatches: 5 })
  const first = await client.rest('GET', '/limits/')
  assert.equal(first.headers.get('sforce-limit-info'), 'api-usage=1/10')
  assert.deepEqual(first.json.DailyApiRequests, { Max: 10, Remaining: 9 })
  await client.run(csv(ids(10_001)))
  const { json } = await client.rest('GET', '/limits')
  assert.deepEqual(json.DailyBulkApiBatches, { Max: 5, Remaining: 3 })
  assert.deepEqual(json.DailyApiRequests, { Max: 10, Remaining: 5 })
})

test('past the daily requests every call is 403', async (t) => {
  const { sandbox, client } = await setup(t, { dailyApiRequests: 1 })
  assert.equal((await client.rest('GET', '/limits')).status, 200)
  const { status, refusal } = await client.rest('GET', '/limits')
  assert.equal(status, 403)
  assert.deepEqual(refusal, {
    errorCode: 'REQUEST_LIMIT_EXCEEDED',
    message: 'TotalRequests Limit exceeded.',
  })
  sandbox.configure({ remainingApiRequests: 5 })
  assert.equal((await client.rest('GET', '/limits')).status, 200)
})

test('a job that outruns the daily batches fails with the rest unprocessed', async (t) => {
  const { client } = await setup(t, { dailyBulkApiBatches: 1 })
  const job = await client.run(csv(ids(10_050)))
  const { json } = await client.get(job)
  assert.equal(json.state, 'Failed')
  assert.match(json.errorMessage, /^ExceededQuota : /)
  assert.equal(json.numberRecordsProcessed, 10_000)
  assert.equal((await client.rows(job, 'unprocessedrecords')).length, 50)
})

test('create refuses what the API refuses', async (t) => {
  const { client } = await setup(t)
  const refusal = async (body: object) => {
    const { status, refusal } = await client.rest('POST', '/jobs/ingest', body)
    assert.equal(status, 400)
    return refusal.errorCode
  }
  const job = { object: 'Contact', operation: 'delete' }
  assert.equal(await refusal({ ...job, object: 'Nonsense' }), 'INVALIDENTITY')
  assert.equal(await refusal({ ...job, operation: 'hardDelete' }), 'FEATURENOTENABLED')
  assert.equal(await refusal({ ...job, operation: 'Delete' }), 'JSON_PARSER_ERROR')
  assert.equal(await refusal({ ...job, lineEnding: 'CR' }), 'JSON_PARSER_ERROR')
  assert.equal(await refusal({ operation: 'delete' }), 'JSON_PARSER_ERROR')
  assert.equal(await refusal({ ...job, operation: 'insert' }), 'INVALIDOPERATION')
})

test('unknown fields are ignored and noted, or refused where that is set', async (t) => {
  const { sandbox, client } = await setup(t)
  const fields = { object: 'Contact', operation: 'delete', dataTable: [] }
  const created = await client.rest('POST', '/jobs/ingest', fields)
  const patch = () =>
    client.rest('PATCH', `/jobs/ingest/${created.json.id}`, { state: 'Aborted', reason: 'x' })
  assert.deepEqual([created.status, 'dataTable' in created.json], [200, false])
  sandbox.configure({ strictFields: true })
  for (const answer of [await client.rest('POST', '/jobs/ingest', fields), await patch()]) {
    assert.deepEqual([answer.status, answer.refusal.errorCode], [400, 'JSON_PARSER_ERROR'])
  }
  sandbox.configure({ strictFields: false })
  assert.equal((await patch()).json.state, 'Aborted')
  assert.deepEqual(sandbox.referee.stats().violationCounts, { UNKNOWN_FIELD: 2 })
})

test('an Open job has counters once its upload is there', async (t) => {
  const { client } = await setup(t)
  const job = await client.create()
  const counters = async () => {
    const { state, numberRecordsProcessed, numberRecordsFailed } = (await client.get(job)).json
    return [state, numberRecordsProcessed, numberRecordsFailed]
  }
  assert.deepEqual(await counters(), ['Open', undefined, undefined])
  await client.upload(job, csv(ids(2)))
  assert.deepEqual(await counters(), ['Open', 0, 0])
})

test('a job takes longer in all than it is at work, and has both times while it runs', async (t) => {
  const { sandbox, client } = await setup(t)
  sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 1 } })
  const job = await client.create()
  await client.upload(job, csv(ids(2)))
  const times = async (id: string) => {
    const { totalProcessingTime: total, apiActiveProcessingTime: active } = (await client.get(id))
      .json
    return { total, active }
  }
  assert.deepEqual(await times(job), { total: 0, active: 0 })
  await client.patch(job, 'UploadComplete')
  await sandbox.referee.until(({ jobs }) => jobs[0]?.processed === 1)
  const running = await times(job)
  assert.ok(running.active > 0 && running.total > running.active)
  await client.patch(job, 'Aborted')
  await sandbox.idle()
  const { active, total } = await times(await client.run(csv(ids(2, 2))))
  assert.ok(active > 0 && total > active)
})

test('a job that fails by its header has no times and no counts, and its error last', async (t) => {
  const { client } = await setup(t)
  const { text } = await client.get(await client.run(`Name\n${ids(1)[0]}\n`))
  const fields = Object.entries(JSON.parse(text))
  assert.deepEqual(
    fields.filter(([name]) => COUNTERS.includes(name)).map(([, value]) => value),
    [0, 0, 0, 0, 0, 0, false],
  )
  assert.deepEqual(fields.at(-1), ['errorMessage', 'InvalidBatch : Field name not found : Name'])
})

test('a second upload is refused and breaks the rules', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  await client.upload(job, csv(ids(1)))
  const { status, refusal } = await client.upload(job, csv(ids(2)))
  assert.equal(status, 400)
  assert.match(refusal.message, /^Found multiple contents for job: /)
  assert.deepEqual(sandbox.referee.stats().violationCounts, { SECOND_UPLOAD: 1 })
  await client.patch(job, 'UploadComplete')
  await sandbox.idle()
  assert.equal((await client.get(job)).json.numberRecordsProcessed, 1)
})

test('states are taken as they are spelled, and only in their order', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  const refusal = async (state: string) => {
    const { status, refusal } = await client.patch(job, state)
    assert.equal(status, 400)
    return `${refusal.errorCode}: ${refusal.message}`
  }
  assert.match(await refusal('uploadComplete'), /^JSON_PARSER_ERROR/)
  assert.match(await refusal('aborted'), /^JSON_PARSER_ERROR/)
  assert.match(await refusal('JobComplete'), /^INVALIDJOBSTATE/)
  assert.deepEqual(sandbox.referee.stats().violationCounts, {
    UNKNOWN_STATE: 2,
    ILLEGAL_TRANSITION: 1,
  })
  assert.equal((await client.get(job)).json.state, 'Open')
  await client.patch(job, 'UploadComplete')
  await sandbox.idle()
  assert.equal(
    await refusal('UploadComplete'),
    'INVALIDJOBSTATE: Closing already Completed Job not allowed',
  )
  assert.equal(
    await refusal('Aborted'),
    'INVALIDJOBSTATE: Aborting already Completed Job not allowed',
  )
})

test('the wrong property in a PATCH is a parser error', async (t) => {
  const { client } = await setup(t)
  const job = await client.create()
  const { status, refusal } = await client.rest('PATCH', `/jobs/ingest/${job}`, {
    status: 'Aborted',
  })
  assert.deepEqual([status, refusal.errorCode], [400, 'JSON_PARSER_ERROR'])
})

test('an Open job never runs', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  await client.upload(job, csv(ids(5)))
  await sandbox.idle()
  assert.equal((await client.get(job)).json.state, 'Open')
  assert.equal(sandbox.referee.stats().rowsDeleted, 0)
})

test('results before the end are refused and break the rules', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  const { status, refusal } = await client.get(job, '/failedResults')
  assert.deepEqual([status, refusal.errorCode], [400, 'INVALIDJOBSTATE'])
  assert.deepEqual(sandbox.referee.stats().violationCounts, { RESULTS_TOO_EARLY: 1 })
})

test('a job is deleted in every state but Open and InProgress, then it is 404', async (t) => {
  const { sandbox, client } = await setup(t)
  const remove = (job: string) => client.rest('DELETE', `/jobs/ingest/${job}`)
  const open = await client.create()
  assert.equal((await remove(open)).refusal.errorCode, 'API_ERROR')
  await client.patch(open, 'Aborted')
  assert.equal((await remove(open)).status, 204)
  const done = await client.run(csv(ids(3)))
  assert.equal((await remove(done)).status, 204)
  assert.equal((await remove(done)).status, 404)
  assert.deepEqual((await client.get(done)).json, [
    { errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' },
  ])
  assert.equal((await client.rest('GET', '/jobs/ingest')).json.records.length, 0)
  // The referee forgets nothing.
  assert.equal(sandbox.referee.stats().rowsDeleted, 3)
})

test('an aborted InProgress job keeps what it deleted and leaves the rest', async (t) => {
  const { sandbox, client } = await setup(t)
  sandbox.faults.add({ on: 'job', action: { do: 'hold', afterRows: 12_345 } })
  const job = await client.create()
  await client.upload(job, csv(ids(20_000)))
  await client.patch(job, 'UploadComplete')
  await sandbox.referee.until(({ jobs }) => jobs[0]?.processed === 12_345)
  const { json } = await client.get(job)
  assert.deepEqual([json.state, json.numberRecordsProcessed], ['InProgress', 12_345])
  const aborted = await client.patch(job, 'Aborted')
  assert.equal(aborted.json.state, 'Aborted')
  assert.equal((await client.rows(job, 'successfulResults')).length, 12_345)
  assert.equal((await client.rows(job, 'unprocessedrecords')).length, 7_655)
  assert.equal((await client.rows(job, 'failedResults')).length, 0)
  const again = await client.patch(job, 'Aborted')
  assert.match(again.refusal.message, /Aborting already Aborted Job/)
})

test('the list comes in pages of a thousand', async (t) => {
  const { client } = await setup(t)
  const made = new Set<string>()
  for (let n = 0; n < 1_050; n += 50) {
    for (const job of await Promise.all(Array.from({ length: 50 }, () => client.create()))) {
      made.add(job)
    }
  }
  const first = (await client.rest('GET', '/jobs/ingest')).json
  assert.deepEqual([first.done, first.records.length], [false, 1_000])
  assert.match(first.nextRecordsUrl, /^\/services\/data\/v61\.0\/jobs\/ingest\?queryLocator=/)
  const headers = { Authorization: `Bearer ${client.token}` }
  const second = (await client.fetch(first.nextRecordsUrl, { headers })).json
  assert.deepEqual([second.done, second.records.length], [true, 50])
  const listed = [...first.records, ...second.records].map((job) => job.id)
  assert.deepEqual(new Set(listed), made)
  assert.equal((await client.rest('GET', '/jobs/ingest?jobType=Classic')).json.records.length, 0)
})

test('a multipart create is closed at once', async (t) => {
  const { sandbox, client } = await setup(t)
  const body = [
    '--B',
    'Content-Type: application/json',
    'Content-Disposition: form-data; name="job"',
    '',
    JSON.stringify({ object: 'Contact', operation: 'delete' }),
    '--B',
    'Content-Type: text/csv',
    'Content-Disposition: form-data; name="content"; filename="content"',
    '',
    csv(ids(2)),
    '--B--',
    '',
  ].join('\r\n')
  const headers = { 'Content-Type': 'multipart/form-data; boundary=B' }
  const { status, json } = await client.rest('POST', '/jobs/ingest', body, headers)
  assert.deepEqual([status, json.state, 'contentUrl' in json], [200, 'UploadComplete', false])
  await sandbox.idle()
  const job = (await client.get(json.id)).json
  assert.deepEqual(
    [job.state, job.numberRecordsProcessed, job.numberRecordsFailed],
    ['JobComplete', 2, 0],
  )
})

test('paths take a trailing slash, doubled slashes and 15-character job ids', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  assert.equal((await client.get(job.slice(0, 15))).json.id, job)
  assert.equal((await client.get(job, '/')).status, 200)
  assert.equal((await client.rest('GET', `//jobs//ingest/${job}`)).status, 200)
  assert.equal((await client.get(`${job.slice(0, 15)}AAB`)).status, 404)
  assert.equal(sandbox.referee.stats().calls['get']?.received, 4)
})

test('unknown versions, paths and spellings are 404, wrong methods 405', async (t) => {
  const { client } = await setup(t)
  const job = await client.run(csv(ids(1)))
  const headers = { Authorization: `Bearer ${client.token}` }
  const at = async (path: string) =>
    (await client.fetch(`/services/data/${path}`, { headers })).status
  assert.equal(await at('v41.0/limits'), 200)
  assert.equal(await at('v68.0/limits'), 200)
  assert.equal(await at('v40.0/limits'), 404)
  assert.equal(await at('v69.0/limits'), 404)
  assert.equal(await at('61.0/limits'), 404)
  assert.equal(await at('v40.0'), 404)
  assert.equal(await at(`v61.0/jobs/ingest/${job}/failedresults`), 404)
  assert.equal(await at(`v61.0/jobs/ingest/${job}/unprocessedRecords`), 200)
  assert.equal(await at(`v61.0/jobs/ingest/${job}/unprocessedrecords`), 200)
  const wrong = await client.rest('POST', `/jobs/ingest/${job}/batches`, {})
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'PUT'])
})

test('versions need no token, newest last', async (t) => {
  const { client } = await setup(t)
  const { list } = await client.fetch('/services/data/', {})
  assert.deepEqual(list.at(-1), {
    label: "Winter '27",
    url: '/services/data/v68.0',
    version: '68.0',
  })
  assert.deepEqual([list.at(-3)?.label, list.at(-4)?.label], ["Spring '26", "Winter '26"])
})

test('the user that is logged in has a record, and no other has', async (t) => {
  const { client } = await setup(t, { username: 'me@example.com' })
  const headers = { Authorization: `Bearer ${client.token}` }
  const { user_id } = (await client.fetch('/services/oauth2/userinfo', { headers })).json
  const { json } = await client.rest('GET', `/sobjects/User/${user_id}`)
  assert.deepEqual(
    [json.attributes.type, json.Id, json.Username],
    ['User', user_id, 'me@example.com'],
  )
  const other = await client.rest('GET', '/sobjects/User/005000000000009AAA')
  assert.deepEqual([other.status, other.refusal.errorCode], [404, 'NOT_FOUND'])
})
