import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { csv, id, ids, setup } from './client.ts'
import { bearer, jwt } from './jwt.ts'

/**
 * The requests of clients that others wrote, as their released sources send them (docs/compatibility.md
 * has the versions). `bench/interop` runs those whole that npm has.
 */

const TOKEN = '/services/oauth2/token'
const USER = 'integration@sandbox.example'

test('the sf CLI logs in by JWT and shows the org', async (t) => {
  const { sandbox, client } = await setup(t)
  const claims = { iss: sandbox.clientId, sub: USER, aud: sandbox.url, exp: Date.now() + 300 }
  const login = await client.form(TOKEN, bearer(jwt(claims, { alg: 'RS256', typ: 'JWT' })))
  assert.equal(login.status, 200)
  client.token = login.json.access_token
  const headers = { Authorization: `Bearer ${client.token}` }
  const { json: user } = await client.fetch('//services/oauth2/userinfo', { headers })
  const path = `//services/data/v51.0/sobjects/User/${user.user_id}`
  assert.equal((await client.fetch(path, { headers })).json.Username, USER)
  assert.equal((await client.fetch('/services/data', { headers })).list.at(-1)?.label, "Winter '27")
  const soql =
    'SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, OrganizationType FROM Organization'
  const query = await client.rest('GET', `/query?q=${encodeURIComponent(soql)}`)
  assert.equal(query.json.totalSize, 1)
})

test('simple-salesforce logs in with exp as text, and deletes', async (t) => {
  const { sandbox, client } = await setup(t)
  const exp = String(Math.round(Date.now() / 1_000 + 180))
  const claims = { iss: sandbox.clientId, sub: USER, aud: sandbox.url, exp }
  const login = await client.form(TOKEN, bearer(jwt(claims, { alg: 'RS256', typ: 'JWT' })))
  assert.equal(login.status, 200)
  client.token = login.json.access_token
  const common = { 'Content-Type': 'application/json', 'X-PrettyPrint': '1', ACCEPT: 'text/csv' }
  const created = await client.rest(
    'POST',
    '/jobs/ingest',
    {
      operation: 'delete',
      columnDelimiter: 'COMMA',
      lineEnding: 'LF',
      object: 'Contact',
      contentType: 'CSV',
    },
    { ...common, ACCEPT: 'application/json' },
  )
  const job = created.json.id
  const data = csv([id(1), id(2)])
  const type = { ...common, 'Content-Type': 'text/csv; charset=UTF-8' }
  const uploaded = await client.rest('PUT', `/jobs/ingest/${job}/batches`, data, type)
  assert.equal(uploaded.status, 201)
  await client.rest('PATCH', `/jobs/ingest/${job}`, { state: 'UploadComplete' }, common)
  await sandbox.idle()
  const info = (await client.rest('GET', `/jobs/ingest/${job}`, undefined, common)).json
  assert.deepEqual([info.state, info.numberRecordsProcessed], ['JobComplete', 2])
  for (const [file, rows] of [
    ['successfulResults', 3],
    ['failedResults', 1],
    ['unprocessedRecords', 1],
  ] as const) {
    const { text } = await client.rest('GET', `/jobs/ingest/${job}/${file}`, undefined, common)
    assert.equal(text.trimEnd().split('\n').length, rows, file)
  }
  assert.deepEqual(sandbox.referee.stats().violationCounts, {})
})

describe('aiosalesforce', () => {
  test('logs in by JWT for the generic host, five minutes ahead', async (t) => {
    const { sandbox, client } = await setup(t)
    const exp = Math.floor(Date.now() / 1_000) + 300
    const aud = 'https://login.salesforce.com'
    const claims = { iss: sandbox.clientId, aud, sub: USER, exp }
    assert.equal((await client.form(TOKEN, bearer(jwt(claims)))).status, 200)
  })

  test('deletes, lists and removes with its headers', async (t) => {
    const { sandbox, client } = await setup(t)
    const headers = {
      'User-Agent': 'aiosalesforce/0.6.2',
      'Sforce-Call-Options': 'client=aiosalesforce/0.6.2',
      'Sforce-Line-Ending': 'LF',
    }
    const created = await client.rest(
      'POST',
      '/jobs/ingest',
      {
        columnDelimiter: 'COMMA',
        contentType: 'CSV',
        lineEnding: 'LF',
        object: 'Contact',
        operation: 'delete',
      },
      headers,
    )
    const job = `/jobs/ingest/${created.json.id}`
    await client.rest('PUT', `${job}/batches`, csv(ids(3)), headers)
    await client.rest('PATCH', job, { state: 'UploadComplete' }, headers)
    await sandbox.idle()
    const list = '/jobs/ingest?isPkChunkingEnabled=false'
    const { records } = (await client.rest('GET', list, undefined, headers)).json
    assert.deepEqual(
      records.map(({ id, state }) => [id, state]),
      [[created.json.id, 'JobComplete']],
    )
    assert.equal((await client.rest('DELETE', job, undefined, headers)).status, 204)
    assert.deepEqual(sandbox.referee.stats().violationCounts, {})
  })
})

test('Data Loader compresses its JSON, and ends its paths with slashes', async (t) => {
  const { sandbox, client } = await setup(t)
  const send = (method: string, path: string, body: string, more: Record<string, string>) =>
    client.fetch(`/services/data/v67.0/jobs/ingest/${path}`, {
      method,
      headers: { Authorization: `Bearer ${client.token}`, ACCEPT: 'application/json', ...more },
      body: more['Content-Encoding'] ? gzipSync(body) : body,
    })
  const zipped = {
    ...{
      'Content-Type': 'application/json',
      'Content-Encoding': 'gzip',
      'Accept-Encoding': 'gzip',
    },
    ...{ 'X-SFDC-Session': `Bearer ${client.token}` },
  }
  const job = JSON.stringify({ operation: 'delete', object: 'Contact', contentType: 'CSV' })
  const created = await send('POST', '/', job, zipped)
  assert.equal(created.status, 200)
  const id = created.json.id
  await send('PUT', `${id}/batches/`, csv(ids(2)), { 'Content-Type': 'text/csv' })
  const closed = await send('PATCH', `${id}/`, '{"state":"UploadComplete"}', zipped)
  assert.equal(closed.json.state, 'UploadComplete')
  await sandbox.idle()
  assert.equal((await client.get(id, '/')).json.numberRecordsProcessed, 2)
  assert.deepEqual(sandbox.referee.stats().violationCounts, {})
})

test('a body that is not the gzip it says it is is refused', async (t) => {
  const { client } = await setup(t)
  const job = await client.create()
  const headers = { 'Content-Encoding': 'gzip' }
  for (const answer of [
    await client.rest('POST', '/jobs/ingest', { object: 'Contact' }, headers),
    await client.rest('PATCH', `/jobs/ingest/${job}`, { state: 'Aborted' }, headers),
  ]) {
    assert.deepEqual([answer.status, answer.refusal.errorCode], [400, 'JSON_PARSER_ERROR'])
  }
})

test('the Force CLI sends its token and reads its list page by page', async (t) => {
  const { sandbox, client } = await setup(t)
  const headers = { Accept: 'text/csv' }
  const fields = { object: 'Contact', operation: 'delete', lineEnding: 'LF', contentType: 'CSV' }
  const { json } = await client.rest('POST', '/jobs/ingest', fields)
  await client.upload(json.id, csv(ids(2)))
  await client.patch(json.id, 'UploadComplete')
  await sandbox.idle()
  const { records, done } = (await client.rest('GET', '/jobs/ingest')).json
  assert.deepEqual([records.length, done], [1, true])
  const file = `/jobs/ingest/${json.id}/unprocessedrecords`
  assert.equal((await client.rest('GET', file, undefined, headers)).text, 'Id\n')
})

test("Salesforce's SDK for Node.js posts its table with the job", async (t) => {
  const { sandbox, client } = await setup(t)
  const table = [{}, {}]
  const fields = { object: 'Contact', operation: 'delete', dataTable: table }
  const { status, json } = await client.rest('POST', '/jobs/ingest', fields)
  assert.equal(status, 200)
  await client.upload(json.id, csv(ids(2)))
  await client.patch(json.id, 'UploadComplete')
  await sandbox.idle()
  assert.equal((await client.get(json.id)).json.numberRecordsProcessed, 2)
})

test('node-sf-bulk2 uploads to the URL that the job names, and creates by multipart', async (t) => {
  const { sandbox, client } = await setup(t)
  const type = { 'Content-Type': 'application/json; charset=UTF-8' }
  const fields = { object: 'Contact', operation: 'delete' }
  const { json } = await client.rest('POST', '/jobs/ingest', fields, type)
  const headers = { Authorization: `Bearer ${client.token}`, 'Content-Type': 'text/csv' }
  const init = { method: 'PUT', headers, body: csv(ids(2)) }
  assert.equal((await client.fetch(`/${json.contentUrl}`, init)).status, 201)
  const boundary = '----BulkAPI2Boundary1700000000000'
  const form = [
    `--${boundary}`,
    'Content-Type: application/json',
    'Content-Disposition: form-data; name="job"',
    '',
    JSON.stringify(fields),
    `--${boundary}`,
    'Content-Type: text/csv',
    'Content-Disposition: form-data; name="content"; filename="content"',
    '',
    csv(ids(2, 5)),
    `--${boundary}--`,
  ].join('\r\n')
  const multipart = { 'Content-Type': `multipart/form-data; boundary=${boundary}` }
  const whole = await client.rest('POST', '/jobs/ingest', form, multipart)
  assert.equal(whole.json.state, 'UploadComplete')
  await sandbox.idle()
  assert.equal((await client.get(whole.json.id)).json.numberRecordsProcessed, 2)
})

test('jsforce finds the identity in the resource map', async (t) => {
  const { sandbox, client } = await setup(t)
  const { json } = await client.rest('GET', '')
  const headers = { Authorization: `Bearer ${client.token}` }
  const { json: user } = await client.fetch(json.identity.slice(sandbox.url.length), { headers })
  assert.deepEqual([user.organization_id, user.username], [sandbox.orgId, USER])
})
