import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  kindOf,
  SOURCE_TYPES,
  SOURCES,
  type SourceType,
  sourceSchema,
  storedSourceSchema,
  wordsFor,
} from '../../../../src/shared/contract/sources/sources.ts'

const ID = '0035g00000AbCdEAAV'

/** One source of each kind, and what it is called. */
const SAMPLES: {
  readonly [Type in SourceType]: { readonly source: object; readonly words: string }
} = {
  ids: { source: { type: 'ids', ids: [ID] }, words: 'ids' },
  upload: { source: { type: 'upload', column: 'Contact ID' }, words: 'upload' },
  file: { source: { type: 'file', path: '/data/ids.csv' }, words: 'file /data/ids.csv' },
  postgres: {
    source: { type: 'postgres', connection: 'warehouse', query: 'TABLE old_leads' },
    words: 'postgres warehouse TABLE old_leads',
  },
}

for (const type of SOURCE_TYPES) {
  describe(`a source of the type ${type}`, () => {
    const source = sourceSchema.parse(SAMPLES[type].source)
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

test('a list is staged as a CSV under a header that no caller wrote', () => {
  const { ids } = SOURCES
  assert.equal(String(ids.stage({ type: 'ids', ids: [ID] }, undefined)), `Id\n${ID}\n`)
  assert.equal(ids.text.firstLine, 0)
})
