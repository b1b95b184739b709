import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JobFault, SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { csv, id, ids, setup } from './client.ts'

const ALL = 'SELECT Id FROM Contact'

async function queried(t: TestContext, options: SandboxOptions = {}) {
  const { sandbox, client } = await setup(t, { records: 10, ...options })
  const create = (query = ALL, more = {}) =>
    client.rest('POST', '/jobs/query', { operation: 'query', query, ...more })
  const get = (job: string) => client.rest('GET', `/jobs/query/${job}`)
  const abort = (job: string) => client.rest('PATCH', `/jobs/query/${job}`, { state: 'Aborted' })
  const remove = (job: string) => client.rest('DELETE', `/jobs/query/${job}`)
  const results = (job: string, query = '') =>
    client.rest('GET', `/jobs/query/${job}/results${query}`)
  const ended = async (query?: string, more = {}) => {
    const { json } = await create(query, more)
    await sandbox.idle()
    return json.id
  }
  return { sandbox, client, create, get, abort, remove, results, ended }
}

test('a query job goes from UploadComplete to JobComplete', async (t) => {
  const { sandbox, create, get, remove } = await queried(t)
  const { status, json } = await create()
  assert.deepEqual([status, json.state, json.id.slice(0, 6)], [200, 'UploadComplete', '7505f0'])
  await sandbox.idle()
  const done = (await get(json.id)).json
  assert.deepEqual([done.state, done.numberRecordsProcessed], ['JobComplete', 10])
  assert.equal((await remove(json.id)).status, 204)
  assert.equal((await get(json.id)).status, 404)
  const { queryJobs, violationCounts } = sandbox.referee.stats()
  assert.deepEqual(
    queryJobs.map(({ query, state, gone }) => [query, state, gone]),
    [[ALL, 'JobComplete', true]],
  )
  assert.deepEqual(violationCounts, {})
})

test('its results come in pages, each with a header, until the locator is null', async (t) => {
  const { results, ended } = await queried(t)
  const job = await ended()
  const pages: string[] = []
  let locator: string | null = ''
  while (locator !== 'null' && locator !== null) {
    const more: string = locator === '' ? '' : `&locator=${locator}`
    const { headers, text } = await results(job, `?maxRecords=4${more}`)
    pages.push(`${headers.get('sforce-numberofrecords')}: ${text}`)
    locator = headers.get('sforce-locator')
  }
  const page = (from: number, count: number) =>
    `${count}: "Id"\n${ids(count, from)
      .map((one) => `"${one}"\n`)
      .join('')}`
  assert.deepEqual(pages, [page(0, 4), page(4, 4), page(8, 2)])
  assert.equal((await results(job, '?locator=eA')).refusal.errorCode, 'INVALID_QUERY_LOCATOR')
  assert.equal((await results(job, '?maxRecords=none')).status, 400)
})

test('an empty result has a header alone', async (t) => {
  const { results, ended } = await queried(t)
  const { headers, text } = await results(await ended(`${ALL} WHERE IsDeleted = true`))
  assert.deepEqual([headers.get('sforce-numberofrecords'), text], ['0', '"Id"\n'])
})

test('deleted records are found by queryAll alone', async (t) => {
  const { client, results, ended } = await queried(t, { records: 3 })
  await client.run(csv([id(1)]))
  const rows = async (job: string) => (await results(job)).text.split('\n').slice(1, -1)
  assert.deepEqual(await rows(await ended()), [`"${id(0)}"`, `"${id(2)}"`])
  const all = await ended('SELECT Id, IsDeleted FROM Contact', { operation: 'queryAll' })
  assert.deepEqual(await rows(all), [
    `"${id(0)}","false"`,
    `"${id(1)}","true"`,
    `"${id(2)}","false"`,
  ])
})

test('the listed records of an org are found in their order', async (t) => {
  const listed = [id(70), id(3), id(3, '00Q')]
  const { results, ended } = await queried(t, { rows: { exists: 'listed', listed } })
  assert.equal((await results(await ended())).text, `"Id"\n"${id(3)}"\n"${id(70)}"\n`)
})

test('a running job can be aborted but not deleted, and has no results', async (t) => {
  const held: JobFault = { on: 'queryJob', action: { do: 'hold', afterRows: 0 } }
  const { sandbox, create, abort, remove, results, get } = await queried(t, { faults: [held] })
  const { id: job } = (await create()).json
  await sandbox.referee.until(({ queryJobs }) => queryJobs[0]?.state === 'InProgress')
  assert.equal((await remove(job)).refusal.errorCode, 'API_ERROR')
  assert.equal((await results(job)).refusal.errorCode, 'INVALIDJOBSTATE')
  assert.equal((await abort(job)).json.state, 'Aborted')
  assert.match((await abort(job)).refusal.message, /Aborting already Aborted Job/)
  assert.equal((await remove(job)).status, 204)
  assert.equal((await get(job)).status, 404)
  assert.deepEqual(sandbox.referee.stats().violationCounts, { RESULTS_TOO_EARLY: 1 })
})

test('scripts make query jobs fail or vanish, and leave ingest jobs alone', async (t) => {
  const { sandbox, client, ended, get } = await queried(t)
  const failing = { do: 'fail', code: 'Unknown', message: 'Retried more than 15 times' } as const
  sandbox.faults.add({ on: 'queryJob', nth: 1, action: failing })
  sandbox.faults.add({ on: 'queryJob', nth: 2, object: 'Contact', action: { do: 'vanish' } })
  const failed = (await get(await ended())).json
  assert.equal(failed.state, 'Failed')
  assert.equal(failed.errorMessage, 'Unknown : Retried more than 15 times')
  assert.equal((await get(await ended())).status, 404)
  const ingest = await client.run(csv([id(1)]))
  assert.equal((await client.get(ingest)).json.state, 'JobComplete')
})

test('results are read with the API version of the job', async (t) => {
  const { client, ended } = await queried(t)
  const job = await ended()
  const headers = { Authorization: `Bearer ${client.token}` }
  const path = `/services/data/v60.0/jobs/query/${job}/results`
  assert.equal((await client.fetch(path, { headers })).status, 409)
})

test('query jobs are listed apart from ingest jobs, newest first', async (t) => {
  const { client, ended } = await queried(t)
  const jobs = [await ended(), await ended()]
  const listed = async (path: string) =>
    (await client.rest('GET', path)).json.records.map(({ id }) => id)
  assert.deepEqual(await listed('/jobs/query'), jobs.reverse())
  assert.deepEqual(await listed('/jobs/query?jobType=V2Ingest'), [])
  assert.deepEqual(await listed('/jobs/ingest'), [])
})
