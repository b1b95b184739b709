import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suggest } from '../../../src/shared/base/suggest.ts'

const WORDS = ['maxRecords', 'maxInFlight', 'canary']

test('a slip, a swap and another case lead to the word that was meant', () => {
  assert.equal(suggest('maxRecord', WORDS), 'maxRecords')
  assert.equal(suggest('maxInFlihgt', WORDS), 'maxInFlight')
  assert.equal(suggest('CANARY', WORDS), 'canary')
  assert.equal(suggest('max_records', WORDS), 'maxRecords')
})

test('a word that is far from all of them leads nowhere', () => {
  assert.equal(suggest('hardDelete', WORDS), undefined)
  assert.equal(suggest('can', WORDS), undefined)
  assert.equal(suggest('', WORDS), undefined)
})
