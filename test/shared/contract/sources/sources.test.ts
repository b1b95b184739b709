import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { maskedSource, wordsFor } from '../../../../src/shared/contract/sources/lists.ts'
import {
  kindOf,
  listSchema,
  SOURCE_TYPES,
  SOURCES,
  type SourceType,
  storedSourceSchema,
} from '../../../../src/shared/contract/sources/sources.ts'

const ID = '0035g00000AbCdEAAV'

/** One source of each kind, and what it is called. */
const SAMPLES: {
  readonly [Type in SourceType]: { readonly source: object; readonly words: string }
} = {
  ids: { source: { type: 'ids', ids: [ID] }, words: 'ids' },
  upload: { source: { type: 'upload', column: 'Contact ID' }, words: 'upload' },
  file: { source: { type: 'file', path: '/data/ids.csv' }, words: 'file /data/ids.csv' },
  soql: {
    source: { type: 'soql', query: 'SELECT Id FROM Lead LIMIT 1' },
    words: 'soql SELECT Id FROM Lead LIMIT 1',
  },
  postgres: {
    source: { type: 'postgres', connection: 'warehouse', query: 'TABLE old_leads' },
    words: 'postgres warehouse TABLE old_leads',
  },
  s3: {
    source: { type: 's3', bucket: 'exports', key: 'crm/ids.csv' },
    words: 's3 exports crm/ids.csv',
  },
  http: {
    source: { type: 'http', url: 'https://files.example.com/ids.csv?signature=hunter2#top' },
    words: 'http https://files.example.com/ids.csv?***',
  },
}

for (const type of SOURCE_TYPES) {
  describe(`a source of the type ${type}`, () => {
    const source = listSchema.parse(SAMPLES[type].source)
    const stored = kindOf(source).toStored(source)

    test('is kept as the ledger reads it, without its ids', () => {
      assert.deepEqual(storedSourceSchema.parse(JSON.parse(JSON.stringify(stored))), stored)
      assert.doesNotMatch(JSON.stringify(stored), new RegExp(ID))
    })

    test('names its place by fields of its own', () => {
      const place = kindOf(stored).place(stored)
      assert.deepEqual({ ...stored, ...place }, stored)
    })

    test('has words for screens and logs', () =>
      assert.equal(wordsFor(stored), SAMPLES[type].words))
  })
}

test('a key is limited to folders and files by absolute paths alone', () => {
  const { scope } = SOURCES.file
  const holds = (path: string) => scope?.holds(['/data'], { type: 'file', path })
  assert.deepEqual(
    ['/data/ids.csv', '/data/../etc/passwd', 'data/ids.csv', '/database/ids.csv'].map(holds),
    [true, false, false, false],
  )
  assert.deepEqual(
    ['/data', 'data', '/data/..'].map((text) => scope?.parse(text)),
    ['/data', undefined, undefined],
  )
})

test('a key is limited to servers and the first segments of a path', () => {
  const { scope } = SOURCES.http
  const place = 'https://files.example.com/crm'
  const holds = (url: string) => scope?.holds([place], { type: 'http', url })
  for (const [url, isHeld] of [
    [`${place}/ids.csv?list=7`, true],
    [place, true],
    ['https://files.example.com/crm-of-others/ids.csv', false],
    ['https://files.example.com/crm/../other/ids.csv', false],
    ['https://files.example.com/crm/..%2fother/ids.csv', false],
    ['https://files.example.com:8443/crm/ids.csv', false],
    ['http://files.example.com/crm/ids.csv', false],
    ['https://files.example.com.evil.example/crm/ids.csv', false],
    ['https://files.example.com@evil.example/crm/ids.csv', false],
  ] as const) {
    assert.equal(holds(url), isHeld, url)
  }
  for (const text of ['/data', 'ftp://x', 'https://*.example.com', 'https://u:p@x', `${place}?q`]) {
    assert.equal(scope?.parse(text), undefined, text)
  }
  assert.equal(scope?.parse(place), place)
})

test('a URL has no user and no fragment, and its query is shown to nobody', () => {
  const { http } = SOURCES
  const url = 'https://files.example.com/ids.csv?signature=hunter2'
  const source = { type: 'http', url } as const
  assert.deepEqual(http.toStored({ ...source, url: `${url}#top` }), source)
  assert.deepEqual(maskedSource(source), {
    ...source,
    url: 'https://files.example.com/ids.csv?***',
  })
  for (const wrong of ['https://me:hunter2@files.example.com', 'ftp://x', '/ids.csv', 'x']) {
    const { error } = listSchema.safeParse({ type: 'http', url: wrong })
    assert.match(error?.issues[0]?.message ?? '', /^expected a URL with/, wrong)
    assert.doesNotMatch(error?.message ?? '', /hunter2/)
  }
})

test('a query is one that reads', () => {
  const { schema } = SOURCES.postgres
  const isQuery = (query: string) =>
    schema.safeParse({ type: 'postgres', connection: 'warehouse', query }).success
  const reads = ['select 1', ' (VALUES (1))', '-- all\n/* of\n * it */ WITH a AS (TABLE b) TABLE a']
  const others = ['', 'SELECTED', 'DELETE FROM a', '-- SELECT 1', '/* SELECT 1', 'SELECT \0']
  assert.deepEqual(reads.map(isQuery), [true, true, true])
  assert.deepEqual(
    others.map(isQuery),
    others.map(() => false),
  )
})

test('a key may be for a bucket, or for what lies in a folder of it', () => {
  const { scope } = SOURCES.s3
  const holds =
    (place: string) =>
    (key: string, bucket = 'exports') =>
      scope?.holds([place], { type: 's3', bucket, key })
  const inFolder = holds('exports/crm')
  assert.deepEqual(
    ['crm/a.csv', 'crm', 'crm2/a.csv', 'hr/a.csv', 'crm/../hr/a.csv'].map((key) => inFolder(key)),
    [true, true, false, false, false],
  )
  assert.deepEqual([holds('exports/crm/')('crm/a'), holds('exports/crm/')('crm')], [true, false])
  assert.deepEqual([holds('exports')('a'), holds('exports')('a', 'exports2')], [true, false])
  const holdsPrefix = (prefix: string) =>
    scope?.holds(['exports/crm'], { type: 's3', bucket: 'exports', prefix })
  assert.deepEqual(['crm/', 'crm/a', 'crm', 'cr'].map(holdsPrefix), [true, true, false, false])
  assert.deepEqual(
    ['exports', 'exports/crm/', '/exports', ''].map((text) => scope?.parse(text)),
    ['exports', 'exports/crm/', undefined, undefined],
  )
})

test('a source in a bucket has a key, a prefix or a manifest', () => {
  const isSource = (places: object) =>
    SOURCES.s3.schema.safeParse({ type: 's3', bucket: 'exports', ...places }).success
  const places = [{ key: 'a' }, { prefix: 'a/' }, { manifest: 'a' }, {}, { key: 'a', prefix: 'b' }]
  assert.deepEqual(places.map(isSource), [true, true, true, false, false])
  assert.deepEqual([{ key: '' }, { key: 'a\0' }].map(isSource), [false, false])
})

test('a list is staged as a CSV under a header that no caller wrote', () => {
  const { ids } = SOURCES
  assert.equal(String(ids.stage({ type: 'ids', ids: [ID] }, undefined)), `Id\n${ID}\n`)
  assert.equal(ids.text.firstLine, 0)
})
