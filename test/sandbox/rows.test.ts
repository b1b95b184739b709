import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csv, id, ids, setup } from './client.ts'

const ENTITY_IS_DELETED = 'ENTITY_IS_DELETED:entity is deleted:--'
const UNKNOWN = 'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--'

test('result files quote every value, and echo the id as it was sent', async (t) => {
  const { client } = await setup(t)
  const long = id(7)
  const job = await client.run(`Id\n${long.slice(0, 15)}\n`)
  const result = async (file: string) => (await client.get(job, `/${file}`)).text
  assert.equal(
    await result('successfulResults'),
    `"sf__Id","sf__Created",Id\n"${long}","false","${long.slice(0, 15)}"\n`,
  )
  assert.equal(await result('failedResults'), '"sf__Id","sf__Error",Id\n')
  assert.equal(await result('unprocessedrecords'), 'Id\n')
})

test('a row that is no id of the object fails with the platform’s text', async (t) => {
  const { sandbox, client } = await setup(t)
  const lead = id(1, '00Q')
  const damaged = id(35).toLowerCase()
  const job = await client.run(`Id\n"${id(1)}"\n\n ${id(2)}\n${lead}\n${damaged}\na"b\n`)
  const failed = (await client.get(job, '/failedResults')).text
  assert.deepEqual(failed.trimEnd().split('\n').slice(1).sort(), [
    `"","INVALID_ID_FIELD:Invalid Id for entity type 'Contact':Id --","${lead}"`,
    `"","MALFORMED_ID:malformed id  ${id(2)}:Id --"," ${id(2)}"`,
    `"","MALFORMED_ID:malformed id ${damaged}:Id --","${damaged}"`,
    '"","MALFORMED_ID:malformed id a""b:Id --","a""b"',
    '"","MISSING_ARGUMENT:Id not specified in a delete call:Id --",""',
  ])
  const { json } = await client.get(job)
  assert.deepEqual(
    [json.state, json.numberRecordsProcessed, json.numberRecordsFailed],
    ['JobComplete', 6, 5],
  )
  assert.deepEqual(sandbox.referee.stats().violationCounts, {
    BLANK_ROW: 1,
    FOREIGN_PREFIX: 1,
    MALFORMED_ID: 3,
  })
})

test('a deleted record is deleted: again it fails, in one job or the next', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.run(csv([id(1), id(2), id(1).slice(0, 15)]))
  assert.deepEqual(await client.rows(job, 'failedResults'), [
    ['', ENTITY_IS_DELETED, id(1).slice(0, 15)],
  ])
  const next = await client.run(csv([id(2)]))
  assert.deepEqual(await client.rows(next, 'failedResults'), [['', ENTITY_IS_DELETED, id(2)]])
  const { rowsDeleted, deletedTwice, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([rowsDeleted, deletedTwice], [2, 0])
  assert.deepEqual(violationCounts, { DUPLICATE_IN_JOB: 1, DUPLICATE_IN_RUN: 1 })
})

test('hardDelete purges what lies in the Recycle Bin, and then it is unknown', async (t) => {
  const { sandbox, client } = await setup(t, { allowHardDelete: true })
  const hard = { operation: 'hardDelete' }
  await client.run(csv([id(1)]))
  const purge = await client.run(csv([id(1), id(2)]), hard)
  assert.equal((await client.rows(purge, 'successfulResults')).length, 2)
  const again = await client.run(csv([id(2)]), hard)
  assert.deepEqual(await client.rows(again, 'failedResults'), [['', UNKNOWN, id(2)]])
  const soft = await client.run(csv([id(1)]))
  assert.deepEqual(await client.rows(soft, 'failedResults'), [['', UNKNOWN, id(1)]])
  assert.equal(sandbox.referee.stats().deletedTwice, 0)
})

test('results come in another order, complete, over many blocks', async (t) => {
  const { client } = await setup(t)
  const sent = ids(25_001)
  const job = await client.run(csv(sent))
  const got = (await client.rows(job, 'successfulResults')).map(([sfId]) => sfId)
  assert.notDeepEqual(got, sent)
  assert.deepEqual(got.toSorted(), sent.toSorted())
})

test('without shuffling results keep the upload’s order', async (t) => {
  const { client } = await setup(t, { shuffleResults: false })
  const sent = ids(10_010)
  const job = await client.run(csv(sent))
  assert.deepEqual(
    (await client.rows(job, 'successfulResults')).map(([sfId]) => sfId),
    sent,
  )
})

test('rules decide over rows: by id, by share, for the first tries', async (t) => {
  const { client } = await setup(t, {
    rows: {
      rules: [
        { code: 'ENTITY_IS_DELETED', ids: [id(1)] },
        { code: 'INVALID_CROSS_REFERENCE_KEY', ids: [id(2)] },
        { code: 'DELETE_FAILED', ids: [id(3)], message: 'it is needed' },
        { code: 'UNABLE_TO_LOCK_ROW', ids: [id(4)], times: 2 },
        { code: 'INSUFFICIENT_ACCESS_OR_READONLY', ids: [id(5).slice(0, 15)] },
        { code: 'MISSING_FROM_RESULTS', ids: [id(6)] },
      ],
    },
  })
  const first = await client.run(csv(ids(8)))
  const failed = (await client.rows(first, 'failedResults')).map(([, error, row]) => [row, error])
  assert.deepEqual(Object.fromEntries(failed), {
    [id(1)]: ENTITY_IS_DELETED,
    [id(2)]: UNKNOWN,
    [id(3)]: 'DELETE_FAILED:it is needed:--',
    [id(4)]:
      `UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: ${id(4)}:--`,
    [id(5)]: 'INSUFFICIENT_ACCESS_OR_READONLY:insufficient access rights on object id:--',
  })
  const deleted = (await client.rows(first, 'successfulResults')).map(([sfId]) => sfId)
  assert.deepEqual(deleted.toSorted(), [id(0), id(7)])
  assert.equal((await client.get(first)).json.numberRecordsProcessed, 8)
  const second = await client.run(csv([id(4)]))
  assert.equal((await client.rows(second, 'failedResults')).length, 1)
  const third = await client.run(csv([id(4)]))
  assert.equal((await client.rows(third, 'successfulResults')).length, 1)
})

test('a lock failure of a row has a code in mixed case, and the row may be sent again', async (t) => {
  const { sandbox, client } = await setup(t, {
    rows: { rules: [{ code: 'TooManyLockFailure', times: 1 }] },
  })
  const first = await client.run(csv([id(1)]))
  assert.deepEqual(await client.rows(first, 'failedResults'), [
    ['', 'TooManyLockFailure:Too many lock failure 200 Trying again later.:--', id(1)],
  ])
  await client.run(csv([id(1)]))
  const { rowsDeleted, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([rowsDeleted, violationCounts], [1, {}])
})

test('a share is met by the same records in every sandbox', async (t) => {
  const sent = ids(20_000)
  const failures = async () => {
    const { client } = await setup(t, { rows: { rules: [{ code: 'DELETE_FAILED', ratio: 0.01 }] } })
    const job = await client.run(csv(sent))
    return (await client.rows(job, 'failedResults')).map((row) => row[2])
  }
  const once = await failures()
  // 20,000 × 1 % with four standard deviations to each side.
  assert.ok(once.length > 144 && once.length < 256, `${once.length} of 20,000`)
  assert.deepEqual(await failures(), once)
})

test('where only listed records exist, others are unknown', async (t) => {
  const { sandbox, client } = await setup(t, { rows: { exists: 'listed', listed: [id(1)] } })
  const job = await client.run(csv(ids(3)))
  assert.deepEqual(await client.rows(job, 'successfulResults'), [[id(1), 'false', id(1)]])
  sandbox.setRows({})
  const next = await client.run(csv([id(0)]))
  assert.equal((await client.rows(next, 'successfulResults')).length, 1)
})

test('a wrong rule is refused by name', async (t) => {
  const { sandbox } = await setup(t)
  assert.throws(
    () => sandbox.setRows({ rules: [{ code: 'delete failed' }] }),
    /rows\.rules\[0\]\.code/,
  )
  assert.throws(
    () => sandbox.setRows({ rules: [{ code: 'X', ratio: 2 }] }),
    /rows\.rules\[0\]\.ratio/,
  )
  assert.throws(
    () => sandbox.setRows({ rules: [{ code: 'X', ids: ['x'] }] }),
    /rows\.rules\[0\]\.ids/,
  )
})

test('an upload of another form fails the job and comes back whole', async (t) => {
  const { sandbox, client } = await setup(t)
  const fate = async (body: string, fields = {}) => {
    const job = await client.run(body, fields)
    const { json } = await client.get(job)
    const unprocessed = (await client.get(job, '/unprocessedrecords')).text
    assert.equal(json.state, 'Failed')
    assert.deepEqual([json.numberRecordsProcessed, json.numberRecordsFailed], [0, 0])
    // fetch takes a byte order mark off.
    assert.equal(unprocessed, body.replace(/^\u{feff}/u, ''))
    return json.errorMessage
  }
  const lines =
    'ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is'
  assert.equal(await fate(`Id\r\n${id(1)}\r\n`), `${lines} LF`)
  assert.equal(await fate(csv([id(1)]), { lineEnding: 'CRLF' }), `${lines} CRLF`)
  const onlyIds = "InvalidBatch : The 'delete' batch must contain only ids"
  assert.equal(await fate(`Id,Name\n${id(1)},x\n`), onlyIds)
  assert.equal(await fate(`Name\n${id(1)}\n`), 'InvalidBatch : Field name not found : Name')
  assert.equal(
    await fate(`\u{feff}Id\n${id(1)}\n`),
    'InvalidBatch : Field name not found : \u{feff}Id',
  )
  assert.equal(sandbox.referee.stats().rowsDeleted, 0)
  assert.deepEqual(sandbox.referee.stats().violationCounts, {
    WRONG_LINE_ENDING: 2,
    WRONG_HEADER: 3,
  })
})

test('unprocessed rows come back as they were sent, quotes and all', async (t) => {
  const { client } = await setup(t, {
    shuffleResults: false,
    faults: [{ on: 'job', action: { do: 'fail', code: 'Timeout', afterRows: 1 } }],
  })
  const rows = ['"a ""quoted"" one"', id(1), `"${id(2)}"`, '']
  const job = await client.run(`"Id"\n${id(0)}\n${rows.join('\n')}\n`)
  const { text } = await client.get(job, '/unprocessedrecords')
  assert.equal(text, `"Id"\n${rows.join('\n')}\n`)
})

test('CRLF jobs get CRLF results, and their delimiter', async (t) => {
  const { client } = await setup(t)
  const job = await client.run(`Id\r\n${id(1)}\r\n${id(2)}`, {
    lineEnding: 'CRLF',
    columnDelimiter: 'PIPE',
  })
  const { text } = await client.get(job, '/successfulResults')
  const [header, ...rows] = text.split('\r\n')
  assert.equal(header, '"sf__Id"|"sf__Created"|Id')
  assert.deepEqual(rows.sort(), [
    '',
    `"${id(1)}"|"false"|"${id(1)}"`,
    `"${id(2)}"|"false"|"${id(2)}"`,
  ])
})

test('an upload without rows completes with none', async (t) => {
  const { client } = await setup(t)
  for (const body of ['', 'Id', 'Id\n']) {
    const { json } = await client.get(await client.run(body))
    assert.deepEqual([json.state, json.numberRecordsProcessed], ['JobComplete', 0])
  }
})

test('gzip is sent where it is switched on and asked for', async (t) => {
  const { client } = await setup(t, { gzipResults: true })
  const job = await client.run(csv(ids(100)))
  const get = (encoding: string) =>
    client.rest('GET', `/jobs/ingest/${job}/successfulResults`, undefined, {
      'Accept-Encoding': encoding,
    })
  const plain = await get('identity')
  const packed = await get('gzip')
  assert.equal(plain.headers.get('content-encoding'), null)
  assert.equal(packed.headers.get('content-encoding'), 'gzip')
  assert.equal(packed.text, plain.text)
})
