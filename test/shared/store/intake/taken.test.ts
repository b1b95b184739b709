import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseRequest, toStored } from '../../../../src/shared/contract/request.ts'
import type { SourceContent } from '../../../../src/shared/contract/sources/read-file.ts'
import { differences } from '../../../../src/shared/store/intake/taken.ts'
import type { Staged } from '../../../../src/shared/store/ledger/record.ts'

const [ONE, TWO] = ['1'.repeat(64), '2'.repeat(64)]

interface Parts {
  readonly staged?: Staged
  readonly content?: SourceContent
}

function identified(
  fields: object,
  { staged, content }: Parts = {},
): Parameters<typeof differences>[0] {
  const source = { type: 'file', path: '/a.csv' }
  const request = toStored(parseRequest({ id: 'r', object: 'Contact', source, ...fields }, 0))
  return { request, staged: staged ?? null, content: content ?? null }
}

const file = (path: string, fields: object = {}) => ({ source: { type: 'file', path, ...fields } })
const staged = (sha256: string): Staged => ({ lot: 'u-1', inRecord: true, bytes: 9, sha256 })

test('a file is known by its bytes, wherever it lies', () => {
  const [here, there] = [file('/a.csv', { sha256: ONE }), file('/b.csv', { sha256: ONE })]
  assert.deepEqual(differences(identified(here), identified(there)), [])
  const planned = identified(file('/a.csv'), { content: { bytes: 9, sha256: ONE } })
  assert.deepEqual(differences(planned, identified(there)), [])
})

test('other bytes under one path are another request, and both are named by their digest', () => {
  const planned = identified(file('/a.csv'), { content: { bytes: 9, sha256: ONE } })
  assert.deepEqual(differences(planned, identified(file('/a.csv', { sha256: TWO }))), [
    `the content of its source: then 9 bytes, sha256 ${ONE}, now sha256 ${TWO}`,
  ])
})

test('where the bytes of one side are unknown the path decides', () => {
  const unknown = identified(file('/a.csv'))
  assert.deepEqual(differences(unknown, identified(file('/a.csv', { sha256: ONE }))), [])
  assert.deepEqual(differences(unknown, identified(file('/b.csv', { sha256: ONE }))), [
    'source.path',
  ])
})

test('fields are named, their values never', () => {
  const known = identified({ reason: 'for jane.doe@example.com' })
  const now = identified({ priority: 'high', reason: 'other', source: { type: 'upload' } })
  assert.deepEqual(differences(known, now), ['priority', 'reason', 'source.type'])
  const columns = [file('/a.csv', { column: 'A' }), file('/a.csv', { column: 'B' })] as const
  assert.deepEqual(differences(identified(columns[0]), identified(columns[1])), ['source.column'])
})

test('lists and uploads are known by what is staged of them', () => {
  const upload = { source: { type: 'upload' } }
  const [one, two] = [ONE, TWO].map((sha256) => identified(upload, { staged: staged(sha256) }))
  assert.ok(one && two)
  assert.deepEqual(differences(one, one), [])
  assert.match(differences(one, two).join(), /^the content of its source: then 9 bytes, sha256 1/)
})
