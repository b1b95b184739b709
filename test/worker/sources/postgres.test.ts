import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { openPostgres, probePostgres } from '../../../src/worker/sources/postgres/postgres.ts'
import { CLOSED_PORT, freePort } from '../../helpers/free-port.ts'
import { poll } from '../../helpers/poll.ts'
import { postgresUnavailable, startPostgres, warehouseAt } from '../../helpers/postgres.ts'
import { startRelay } from '../../helpers/relay.ts'

const skip = await postgresUnavailable()
const db = skip === false ? await startPostgres() : null

interface Reading {
  readonly url?: string
  readonly ca?: string
  readonly column?: string
  readonly connectMs?: number
  readonly queryMs?: number
  readonly signal?: AbortSignal
}

function read(query: string, given: Reading = {}): AsyncIterable<Uint8Array> {
  const { url = db?.url() ?? '', ca, column, connectMs = 5000, queryMs = 60_000 } = given
  const { signal = new AbortController().signal } = given
  const settings = warehouseAt(url, { ca, connectMs, queryMs })
  const source = { type: 'postgres', connection: 'warehouse', query, column } as const
  return openPostgres(source, { settings, signal })
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const block of source) text += Buffer.from(block).toString()
  return text
}

/** Waits until so many queries with this word run on the server. */
async function runs(word: string, n: number): Promise<void> {
  const asked = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE ${BY_WORD}`
  await poll(async () => {
    const [row] = (await db?.admin<{ n: number }>(asked, [`%${word}%`])) ?? []
    return row?.n === n ? true : null
  })
}

const BY_WORD = "usename = 'reader' AND query LIKE $1"

/** A query with a word of its own, to find it on the server. */
function marked(query: string) {
  const word = db?.unique('marked') ?? ''
  return { word, query: `${query} /* ${word} */` }
}

const failsWith =
  (code: string, ...words: readonly RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error, String(error))
    assert.equal(error.code, code, error.message)
    for (const word of words) assert.match(error.message, word)
    assert.ok(!error.message.includes(db?.password ?? ''), 'it shows the password')
    return true
  }

describe('the rows of a query', { skip }, () => {
  test('come one a line, in their order', async () => {
    const { word, query } = marked('SELECT n FROM generate_series(1, 200000) n ORDER BY n DESC')
    const text = await textOf(read(query))
    const expected = Array.from({ length: 200_000 }, (_, n) => 200_000 - n)
    assert.ok(text === `${expected.join('\n')}\n`)
    await runs(word, 0)
  })

  test('are those of any query that reads', async () => {
    for (const query of [
      "VALUES ('a'), ('b')",
      "WITH w AS (SELECT 'a' AS id) SELECT id FROM w UNION ALL SELECT 'b'",
      "/* a (comment) */ (SELECT 'a') UNION ALL (SELECT 'b') -- the end",
      "SELECT unnest(ARRAY['a', 'b']) ; ",
      "SELECT U&'\\0061' UNION ALL SELECT $x$b$x$",
    ]) {
      assert.equal(await textOf(read(query)), 'a\nb\n', query)
    }
  })

  test('have no line where they have no value, and one line whatever they hold', async () => {
    const rows = "VALUES ('a'), (NULL), (''), (E'b\\nc\\td'), ('\"e;f')"
    assert.equal(await textOf(read(rows)), 'a\n\n\nb\\nc\\td\n"e;f\n')
  })

  test('are none without an error where there is none', async () => {
    assert.equal(await textOf(read("SELECT 'a' WHERE false")), '')
  })

  test('are of the named column, or else of the first', async () => {
    const query = 'SELECT 1 AS a, 2 AS "B c", 3 AS a'
    assert.equal(await textOf(read('SELECT 1 AS a, 2 AS b')), '1\n')
    assert.equal(await textOf(read(query, { column: 'b C' })), '2\n')
    await assert.rejects(
      textOf(read(query, { column: 'id' })),
      failsWith('NO_ID_COLUMN', /expected a column "id"/, /"a", "B c", "a"/),
    )
    await assert.rejects(
      textOf(read(query, { column: 'a' })),
      failsWith('AMBIGUOUS_ID_COLUMN', /only one column "a"/),
    )
  })
})

describe('a query that is not one that reads', { skip }, () => {
  const refused = (query: string) =>
    assert.rejects(textOf(read(query)), failsWith('SOURCE_QUERY_FAILED'), query)

  test('changes nothing', async () => {
    const table = db?.unique('t') ?? ''
    await db?.admin(`CREATE TABLE ${table} (id text); GRANT ALL ON ${table} TO reader`)
    await db?.admin(`INSERT INTO ${table} VALUES ('a')`)
    await refused(`WITH d AS (DELETE FROM ${table} RETURNING id) SELECT id FROM d`)
    await assert.rejects(
      textOf(read(`SELECT id INTO ${table}2 FROM ${table}`)),
      failsWith('NO_ID_COLUMN', /returns no columns/),
    )
    await refused(`SELECT id FROM ${table} FOR UPDATE`)
    await refused(`SELECT set_config('transaction_read_only', 'off', false), nextval('none')`)
    assert.deepEqual(await db?.admin(`SELECT id FROM ${table}`), [{ id: 'a' }])
  })

  test('leaves nothing that a read-only transaction could commit', async () => {
    assert.equal(await textOf(read('SELECT lo_create(4711)::text')), '4711\n')
    assert.deepEqual(await db?.admin('SELECT oid FROM pg_largeobject_metadata'), [])
  })

  test('is not run where it is several, however they are hidden', async () => {
    const table = db?.unique('t') ?? ''
    await db?.admin(`CREATE TABLE ${table} (id text); GRANT ALL ON ${table} TO reader`)
    for (const query of [
      `SELECT 1; INSERT INTO ${table} VALUES ('x')`,
      `SELECT 1; COMMIT; INSERT INTO ${table} VALUES ('x')`,
      `SELECT 1) TO STDOUT; COMMIT; INSERT INTO ${table} VALUES ('x'); COPY (SELECT 1`,
      `SELECT 1) AS q (c0)) TO PROGRAM 'touch /tmp/x' --`,
      `SELECT 1) AS q (c0)) TO STDOUT; COMMIT; INSERT INTO ${table} VALUES ('x') --`,
      `SELECT 1 /* ) AS q (c0)) TO STDOUT; COMMIT; INSERT INTO ${table} VALUES ('x')`,
      `SELECT 'a\\'') AS q (c0)) TO STDOUT; COMMIT; INSERT INTO ${table} VALUES ('x') --'`,
    ]) {
      await refused(query)
    }
    assert.deepEqual(await db?.admin(`SELECT id FROM ${table}`), [])
  })

  test('is named with its place and without values of rows', async () => {
    await assert.rejects(
      textOf(read('SELECT id\nFROM "ñ", missing_table')),
      failsWith(
        'SOURCE_QUERY_FAILED',
        /relation "ñ" does not exist \(42P01\), at line 2, column 6/,
      ),
    )
    await assert.rejects(
      textOf(read('SELECT id FRM leads')),
      failsWith(
        'SOURCE_QUERY_FAILED',
        /syntax error at or near "leads" \(42601\), at line 1, column 15/,
      ),
    )
    const failing = "SELECT (v)::int FROM (SELECT 'jane@example.com'::text AS v OFFSET 0) x"
    await assert.rejects(textOf(read(failing)), (error: unknown) => {
      failsWith('SOURCE_QUERY_FAILED', /the error 22P02/)(error)
      assert.doesNotMatch(String(error), /jane/)
      return true
    })
  })
})

describe('a connection that cannot be opened', { skip }, () => {
  const fails = (url: string | undefined, ...words: readonly RegExp[]) =>
    assert.rejects(
      textOf(read('SELECT 1', { url: url ?? '' })),
      failsWith(
        'SOURCE_NOT_READABLE',
        /connection warehouse/,
        /sources\.connections\.warehouse/,
        ...words,
      ),
    )

  test('is named with its cause', async () => {
    await fails(db?.url({ password: 'wrong' }), /password authentication failed.*28P01/)
    await fails(db?.url({ database: 'nowhere' }), /database "nowhere" does not exist.*3D000/)
    await fails(db?.url({ host: 'nowhere.invalid', query: 'sslmode=disable' }), /host name/)
    await fails(db?.url({ database: 'tls_only' }), /no encryption/)
    await fails(db?.url({ port: CLOSED_PORT }), /refused/)
  })

  test('is tried again while the server starts', async (t) => {
    const relay = await startRelay({ host: '127.0.0.1', port: db?.port ?? 0 })
    t.after(() => relay[Symbol.asyncDispose]())
    relay.turn('broken')
    const reading = textOf(read('SELECT 1', { url: db?.url({ port: relay.port }) ?? '' }))
    setTimeout(() => relay.turn('fair'), 100)
    assert.equal(await reading, '1\n')
  })

  test('is tried again where the server falls silent once it is open', async (t) => {
    const relay = await startRelay({ host: '127.0.0.1', port: db?.port ?? 0 })
    t.after(() => relay[Symbol.asyncDispose]())
    // The two steps of the password, and the greeting.
    const silent = relay.turnAfter(3, 'silent')
    const url = db?.url({ port: relay.port }) ?? ''
    const reading = textOf(read('SELECT 1', { url, connectMs: 1000 }))
    await silent
    setTimeout(() => relay.turn('fair'), 100)
    assert.equal(await reading, '1\n')
  })
})

describe('TLS', { skip }, () => {
  const over = (mode: string, host: string, ca?: string) =>
    textOf(
      read('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', {
        url: db?.url({ host, query: `sslmode=${mode}` }) ?? '',
        ...(ca === undefined ? {} : { ca }),
      }),
    )

  test('checks what the mode says', async () => {
    const { ca } = db ?? {}
    assert.equal(await over('disable', '127.0.0.1'), 'f\n')
    assert.equal(await over('require', '127.0.0.1'), 't\n')
    assert.equal(await over('verify-ca', '127.0.0.1', ca), 't\n')
    assert.equal(await over('verify-full', 'localhost', ca), 't\n')
    const refused = failsWith('SOURCE_NOT_READABLE', /certificate|altnames/i)
    await assert.rejects(over('verify-full', 'localhost'), refused)
    await assert.rejects(over('verify-full', '127.0.0.1', ca), refused)
    await assert.rejects(over('verify-ca', '127.0.0.1'), refused)
  })

  test('is not given up where the server has none', async (t) => {
    const plain = createServer((socket) => socket.once('data', () => socket.end('N')))
    t.after(() => void plain.close())
    const port = await freePort()
    plain.listen(port, '127.0.0.1')
    await once(plain, 'listening')
    const url = db?.url({ port, query: 'sslmode=require' }) ?? ''
    await assert.rejects(
      textOf(read('SELECT 1', { url })),
      failsWith('SOURCE_NOT_READABLE', /does not support SSL/),
    )
  })
})

describe('a query', { skip }, () => {
  const endless = 'SELECT generate_series(1, 100000000)'
  const sleeping = 'SELECT pg_sleep(60)::text'

  test('ends on the server when its reader leaves early', async () => {
    const { word, query } = marked(endless)
    for await (const _ of read(query)) break
    await runs(word, 0)
  })

  for (const [what, text] of [
    ['sends rows', endless],
    ['has no row yet', sleeping],
  ] as const) {
    test(`ends on the server within a second of the abort while it ${what}`, async () => {
      const { word, query } = marked(text)
      const abort = new AbortController()
      const reason = new Error('told to stop')
      const reading = textOf(read(query, { signal: abort.signal }))
      const rejected = assert.rejects(reading, (error) => error === reason)
      await runs(word, 1)
      const aborted = performance.now()
      abort.abort(reason)
      await rejected
      await runs(word, 0)
      assert.ok(performance.now() - aborted < 5000)
    })
  }

  test('is not begun where the signal was aborted before', async () => {
    const reason = new Error('told before')
    await assert.rejects(
      textOf(read(sleeping, { signal: AbortSignal.abort(reason) })),
      (error) => error === reason,
    )
  })

  test('ends where it takes longer than it may', async () => {
    const { word, query } = marked(sleeping)
    await assert.rejects(
      textOf(read(query, { queryMs: 1000 })),
      failsWith('SOURCE_QUERY_FAILED', /57014/, /queryMs/),
    )
    await runs(word, 0)
  })

  test('that loses its connection half-way is an error, not an end', async (t) => {
    const relay = await startRelay({ host: '127.0.0.1', port: db?.port ?? 0 })
    t.after(() => relay[Symbol.asyncDispose]())
    const broken = relay.turnAfter(10, 'broken')
    const reading = textOf(read(endless, { url: db?.url({ port: relay.port }) ?? '' }))
    await assert.rejects(reading, failsWith('SOURCE_TRUNCATED', /was lost/))
    await broken
  })

  test('that an administrator ends is an error with its code', async () => {
    const { word, query } = marked(sleeping)
    const reading = assert.rejects(textOf(read(query)), failsWith('SOURCE_QUERY_FAILED', /57P01/))
    await runs(word, 1)
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${BY_WORD}`
    await db?.admin(end, [`%${word}%`])
    await reading
  })
})

test('a connection tells what answers there', { skip }, async () => {
  const [connection] = warehouseAt(db?.url() ?? '').connections.values()
  assert.ok(connection)
  const { version, ...facts } = await probePostgres(connection, AbortSignal.timeout(10_000))
  assert.match(version, /^\d+\.\d+/)
  assert.deepEqual(facts, { user: 'reader', isSuperuser: false, isEncrypted: false })
})

test('a connection that the worker does not have is refused, with those that it has', () => {
  const source = { type: 'postgres', connection: 'lake', query: 'SELECT 1' } as const
  const settings = warehouseAt('postgres://me@127.0.0.1/db')
  const { signal } = new AbortController()
  assert.throws(
    () => openPostgres(source, { settings, signal }),
    failsWith('SOURCE_NOT_ALLOWED', /no PostgreSQL connection lake \(configured: warehouse\)/),
  )
})
