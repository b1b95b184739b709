import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { type Client, csv, id, ids, setup } from './client.ts'

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

test('records are found by rule, and their fields follow from their numbers', async (t) => {
  const { client, recordsOf } = await queried(t, { records: 3000 })
  const { json } = await ask(client, 'SELECT Id FROM Lead WHERE LastActivityDate < LAST_N_DAYS:989')
  const numbers = [990, 1990, 2990].flatMap((n) => Array.from({ length: 10 }, (_, k) => n + k))
  assert.deepEqual(
    json.records.map(({ Id }) => Id),
    numbers.map((n) => id(n, '00Q')),
  )
  const [record] = await recordsOf(
    `SELECT CreatedDate, LastActivityDate FROM Lead WHERE Id = '${id(1500, '00Q')}'`,
  )
  const day = (ago: number) =>
    new Date(Date.now() - ago * 24 * 3600_000).toISOString().slice(0, 'yyyy-mm-dd'.length)
  assert.deepEqual(record, {
    CreatedDate: `${day(1500)}T00:00:00.000+0000`,
    LastActivityDate: day(500),
  })
  const counts: readonly (readonly [string, number])[] = [
    ['CreatedDate = TODAY', 2],
    ['CreatedDate = YESTERDAY', 2],
    ['CreatedDate > LAST_N_DAYS:3', 0],
    ['CreatedDate >= LAST_N_DAYS:3', 8],
    [`CreatedDate < ${day(1998)}T12:00:00Z`, 2],
    ['(CreatedDate = TODAY OR CreatedDate = YESTERDAY) AND LastActivityDate = TODAY', 2],
    ['NOT (LastActivityDate < TODAY)', 3],
    ["Id IN ('00Q5f0000000001', '00Q5f0000000002')", 2],
    ['LastActivityDate = null', 0],
    ['LastActivityDate != null ORDER BY Id DESC LIMIT 7', 7],
    ['IsDeleted = true', 0],
  ]
  for (const [where, count] of counts) {
    const found = await ask(client, `SELECT Id FROM Lead WHERE ${where}`)
    assert.equal(found.json.totalSize, count, where)
  }
})

test('a long answer comes in pages', async (t) => {
  const { client } = await queried(t, { records: 4500 })
  const pages: unknown[][] = []
  let next: string | undefined = `/query?q=${encodeURIComponent('SELECT Id FROM Campaign')}`
  while (next !== undefined) {
    const { json } = await client.rest('GET', next)
    pages.push(json.records.map(({ Id }) => Id))
    assert.equal(json.totalSize, 4500)
    next = json.nextRecordsUrl?.replace('/services/data/v61.0', '')
  }
  assert.deepEqual(
    pages.map(({ length }) => length),
    [2000, 2000, 500],
  )
  assert.deepEqual(pages.flat().at(-1), id(4499, '701'))
  assert.equal((await client.rest('GET', '/query/01gx-2000')).status, 400)
})

test('an error names the place in the query', async (t) => {
  const { client } = await queried(t)
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['SELECT Id FROM Lead WHRE Id = 1', 'MALFORMED_QUERY', '1:21', /unexpected token: 'WHRE'/],
    ['SELECT Id\nFROM Lead\nWHERE', 'MALFORMED_QUERY', '3:6', /unexpected token: '<EOF>'/],
    ['SELECT Id FROM Lead WHERE Colour = 1', 'INVALID_FIELD', '1:27', /No such column 'Colour'/],
    ['SELECT Id FROM Car', 'INVALID_TYPE', '1:16', /sObject type 'Car' is not supported/],
    ["SELECT Id FROM Lead WHERE CreatedDate < 'x'", 'INVALID_FIELD', '1:41', /type dateTime/],
    ['SELECT Id FROM Lead WHERE CreatedDate < 2020-01-01', 'INVALID_FIELD', '1:41', /dateTime/],
    ['SELECT COUNT() FROM Lead', 'MALFORMED_QUERY', '1:13', /unexpected token/],
    ["SELECT Id FROM Lead WHERE Id = 'x", 'MALFORMED_QUERY', '1:32', /unexpected token/],
    ['SELECT Id FROM Lead;', 'MALFORMED_QUERY', '1:20', /unexpected token: ';'/],
    [
      'SELECT Id FROM Lead WHERE IsDeleted = true OR IsDeleted = true AND Id = null',
      'MALFORMED_QUERY',
      '1:64',
      /unexpected token: 'AND'/,
    ],
    ['', 'MALFORMED_QUERY', '1:1', /<EOF>/],
  ]
  for (const [soql, code, place, text] of cases) {
    const [row, column] = place.split(':')
    for (const { status, refusal } of [
      await ask(client, soql),
      await client.rest('POST', '/jobs/query', { operation: 'query', query: soql }),
    ]) {
      assert.deepEqual([status, refusal.errorCode], [400, code], soql)
      assert.ok(refusal.message.includes(`\nERROR at Row:${row}:Column:${column}\n`), soql)
      assert.match(refusal.message, text)
    }
  }
})

const ask = (client: Client, soql: string) =>
  client.rest('GET', `/query?q=${encodeURIComponent(soql)}`)
