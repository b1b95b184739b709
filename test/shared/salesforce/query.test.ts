import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API, JOB, json, NOT_FOUND, received, setup } from './fake-salesforce.ts'

const JOBS = `${API}/jobs/query`
const SOQL = "SELECT Id FROM Lead WHERE Status = 'busy'"
const FIRST = { locator: null, maxRecords: 2 }

const info = (over = {}) => ({
  ...{ id: JOB, operation: 'query', object: 'Lead', state: 'UploadComplete' },
  ...over,
})

test('each call is its endpoint, verb and body as documented', async (t) => {
  const { salesforce, server } = await setup(t, {
    '*': async (request, response) => {
      await received(request)
      const { method, path } = request.seen
      if (method === 'DELETE') return void response.writeHead(204).end()
      if (path.includes('results')) return void response.end('"Id"\n')
      json(response, 200, info())
    },
  })
  const { query } = salesforce
  await query.create(SOQL)
  await query.get(JOB)
  await query.page(JOB, FIRST)
  await query.page(JOB, { locator: 'MTAw/+', maxRecords: 2 })
  await query.abort(JOB)
  await query.remove(JOB)
  const body = JSON.stringify({
    ...{ operation: 'query', query: SOQL, contentType: 'CSV', lineEnding: 'LF' },
  })
  assert.deepEqual(
    server.seen.slice(1).map(({ method, path, body }) => [method, path, body]),
    [
      ['POST', JOBS, body],
      ['GET', `${JOBS}/${JOB}`, ''],
      ['GET', `${JOBS}/${JOB}/results?maxRecords=2`, ''],
      ['GET', `${JOBS}/${JOB}/results?maxRecords=2&locator=MTAw%2F%2B`, ''],
      ['PATCH', `${JOBS}/${JOB}`, '{"state":"Aborted"}'],
      ['DELETE', `${JOBS}/${JOB}`, ''],
    ],
  )
})

test('a page has its bytes, its number of rows and the locator of the next', async (t) => {
  let headers: Record<string, string> = {}
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}/results`]: (_, response) =>
      response.writeHead(200, headers).end('"Id"\n"00Q5f0000000001EAA"\n'),
  })
  const read = async (given: Record<string, string>) => {
    headers = given
    const { csv, rows, next } = await salesforce.query.page(JOB, FIRST)
    assert.equal(csv.toString(), '"Id"\n"00Q5f0000000001EAA"\n')
    return [rows, next]
  }
  const counted = { 'Sforce-NumberOfRecords': '1' }
  assert.deepEqual(await read({ ...counted, 'Sforce-Locator': 'MTA' }), [1, 'MTA'])
  assert.deepEqual(await read({ ...counted, 'Sforce-Locator': 'null' }), [1, null])
  assert.deepEqual(await read({}), [null, null])
})

test('a page that breaks off is read again', async (t) => {
  let calls = 0
  const { salesforce, outcomes } = await setup(t, {
    [`GET ${JOBS}/${JOB}/results`]: (_, response) => {
      calls += 1
      response.writeHead(200, { 'content-length': 5 })
      if (calls > 1) response.end('"Id"\n')
      else response.write('"I', () => response.destroy())
    },
  })
  assert.equal((await salesforce.query.page(JOB, FIRST)).csv.toString(), '"Id"\n')
  assert.deepEqual(outcomes().slice(1), ['queryResults 200', 'queryResults 200'])
})

test('a page with its own locator as the next is not followed', async (t) => {
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}/results`]: (_, response) =>
      response.writeHead(200, { 'Sforce-Locator': 'MTA' }).end('"Id"\n'),
  })
  const page = salesforce.query.page(JOB, { locator: 'MTA', maxRecords: 2 })
  await assert.rejects(page, { kind: 'unexpected', code: 'SAME_PAGE' })
})

test('a refused query is told with its position, and does not count as an org fault', async (t) => {
  const quoted = "\nSELECT Id FROM Lead WHERE Status = 'busy'\n  ^\nERROR at Row:1:Column:27\n"
  const cases = [
    [400, 'INVALID_FIELD', `${quoted}No such column 'Status' on entity 'Lead'`, 'refused'],
    [400, 'MALFORMED_QUERY', `${quoted}unexpected token: 'try again'`, 'refused'],
    [400, 'INVALID_TYPE', `${quoted}sObject type 'Lead' is not supported.`, 'refused'],
    [400, 'API_ERROR', 'Aggregate Relationships not supported in Bulk Query', 'refused'],
    [400, 'SOMETHING_NEW', 'No.', 'refused'],
    [403, 'SOMETHING_NEW', 'No.', 'refused'],
    [403, 'API_DISABLED_FOR_ORG', 'No.', 'org-fault'],
    [400, 'LIMIT_EXCEEDED', 'Max bulk v2 query limit exceeded', 'org-fault'],
    [403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', 'org-fault'],
    [500, 'UNKNOWN_EXCEPTION', 'An unexpected error occurred', 'org-fault'],
  ] as const
  let answer: (typeof cases)[number] = cases[0]
  const { salesforce } = await setup(t, {
    [`POST ${JOBS}`]: (_, response) =>
      json(response, answer[0], [{ errorCode: answer[1], message: answer[2] }]),
  })
  for (const one of cases) {
    answer = one
    await assert.rejects(salesforce.query.create(SOQL), { kind: one[3], code: one[1] }, one[1])
  }
  answer = cases[0]
  await assert.rejects(salesforce.query.create(SOQL), {
    message:
      "Salesforce answered queryCreate with 400 INVALID_FIELD: row 1, column 27 of the query: No such column 'Status' on entity 'Lead'. Correct the query, or let the user see the field.",
  })
})

test('a job that is gone, or past the state that a call needs', async (t) => {
  const late = [{ errorCode: 'INVALIDJOBSTATE', message: 'Aborting already Completed Job' }]
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 404, NOT_FOUND),
    [`DELETE ${JOBS}/${JOB}`]: (_, response) => json(response, 404, NOT_FOUND),
    [`PATCH ${JOBS}/${JOB}`]: (_, response) => json(response, 400, late),
  })
  await assert.rejects(salesforce.query.get(JOB), { kind: 'not-found' })
  await assert.rejects(salesforce.query.abort(JOB), { kind: 'job-state' })
  await salesforce.query.remove(JOB)
})
