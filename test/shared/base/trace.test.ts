import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effect } from '../../../src/shared/base/trace.ts'
import { listen } from '../../helpers/effects.ts'

test('an effect is announced before it begins and after it ends', async (t) => {
  const heard = listen(t)
  const answer = await effect('redis:accept', async () => {
    heard.push('working')
    return 7
  })
  assert.equal(answer, 7)
  assert.deepEqual(heard, ['before redis:accept', 'working', 'after redis:accept'])
})

test('an effect that fails is announced too, and its error passes through', async (t) => {
  const heard = listen(t)
  const failure = new Error('no')
  await assert.rejects(
    effect('salesforce:close', () => Promise.reject(failure)),
    failure,
  )
  assert.deepEqual(heard, ['before salesforce:close', 'after salesforce:close'])
})

test('without a subscriber an effect is just its work', async () => {
  assert.equal(await effect('redis:settle', async () => 'done'), 'done')
})
