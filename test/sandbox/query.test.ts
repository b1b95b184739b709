import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { csv, id, ids, setup } from './client.ts'

async function queried(t: TestContext, options?: SandboxOptions) {
  const { sandbox, client } = await setup(t, options)
  const ask = (soql: string, what = 'query', more = '') =>
    client.rest('GET', `/${what}/?q=${encodeURIComponent(soql)}${more}`)
  const recordsOf = async (soql: string, what?: string) =>
    (await ask(soql, what)).json.records.map(({ attributes, ...record }) => record)
  return { sandbox, client, ask, recordsOf }
}

test('a query about the Organization tells production from sandbox', async (t) => {
  const { sandbox, ask } = await queried(t, { isSandbox: true })
  const { json } = await ask('SELECT Id, IsSandbox FROM Organization LIMIT 1')
  assert.equal(json.totalSize, 1)
  const { attributes, ...record } = json.records[0] ?? { attributes: undefined }
  assert.equal(attributes?.type, 'Organization')
  assert.deepEqual(record, { Id: sandbox.orgId, IsSandbox: true })
  assert.equal((await ask('SELECT Colour FROM Organization')).refusal.errorCode, 'INVALID_FIELD')
})

test('a query names the user, by id or without', async (t) => {
  const { recordsOf } = await queried(t, { username: 'me@example.com' })
  const [user] = await recordsOf('SELECT Id, Username FROM User')
  assert.equal(user?.Username, 'me@example.com')
  assert.equal((await recordsOf(`SELECT Id FROM User WHERE Id = '${user?.Id}'`)).length, 1)
  assert.equal((await recordsOf(`SELECT Id FROM User WHERE Id = '005000000000009'`)).length, 0)
})

test('records are found by id; those in the Recycle Bin by queryAll alone', async (t) => {
  const { sandbox, client, recordsOf } = await queried(t, {
    allowHardDelete: true,
    rows: {
      rules: [
        { code: 'UNABLE_TO_LOCK_ROW', times: 1, ids: [id(4)] },
        { code: 'INVALID_CROSS_REFERENCE_KEY', ids: [id(3)] },
        { code: 'ENTITY_IS_DELETED', ids: [id(4)] },
      ],
    },
  })
  await client.run(csv([id(1), id(2)]))
  await client.run(csv([id(2)]), { operation: 'hardDelete' })
  const all = [...ids(5), id(1), id(0, '00Q')].map((one) => `'${one}'`).join(', ')
  const soql = `SELECT id, isdeleted FROM Contact WHERE Id IN (${all})`
  const live = { Id: id(0), IsDeleted: false }
  const gone = { Id: id(1), IsDeleted: true }
  const bin = [gone, { Id: id(4), IsDeleted: true }]
  assert.deepEqual(await recordsOf(soql), [live])
  assert.deepEqual(await recordsOf(soql, 'queryAll'), [live, ...bin])
  assert.deepEqual(await recordsOf(`${soql} AND IsDeleted = true`, 'queryAll'), bin)
  assert.deepEqual(await recordsOf(`${soql} LIMIT 1`, 'queryAll'), [live])
  const one = `SELECT Id, IsDeleted FROM Contact WHERE Id = '${id(1).slice(0, 15)}'`
  assert.deepEqual(await recordsOf(one, 'queryAll'), [gone])
  assert.deepEqual(sandbox.referee.stats().violationCounts, {})
})

test('the columns of a query are described', async (t) => {
  const { ask } = await queried(t)
  const soql = 'SELECT Id, isSandbox, Name FROM Organization'
  const { json } = await ask(soql, 'query', '&columns=true')
  const { columnMetadata, ...rest } = JSON.parse(JSON.stringify(json))
  assert.deepEqual(rest, {
    entityName: 'Organization',
    groupBy: false,
    idSelected: true,
    keyPrefix: '00D',
  })
  assert.deepEqual(columnMetadata[1], {
    aggregate: false,
    apexType: 'Boolean',
    booleanType: true,
    columnName: 'IsSandbox',
    custom: false,
    displayName: 'IsSandbox',
    foreignKeyName: null,
    insertable: false,
    joinColumns: [],
    numberType: false,
    textType: false,
    updatable: false,
  })
})

test('other queries, and query jobs, are refused', async (t) => {
  const { client, ask } = await queried(t)
  for (const soql of [
    'SELECT Id FROM Contact',
    "SELECT Id FROM Contact WHERE Name = 'x'",
    'SELECT COUNT() FROM Contact',
    '',
  ]) {
    assert.equal((await ask(soql)).refusal.errorCode, 'MALFORMED_QUERY', soql)
  }
  const account = await ask("SELECT Id FROM Account WHERE Id = '001000000000001'")
  assert.equal(account.refusal.errorCode, 'INVALID_TYPE')
  const fields = { operation: 'query', query: 'SELECT Id FROM Contact' }
  const { status, refusal } = await client.rest('POST', '/jobs/query', fields)
  assert.deepEqual([status, refusal.errorCode], [400, 'API_ERROR'])
  assert.deepEqual((await client.rest('GET', '/jobs/query')).json.records, [])
})
