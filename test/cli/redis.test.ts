import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withAddress } from '../../src/cli/redis.ts'
import { RedisUnavailableError } from '../../src/shared/store/redis/trouble.ts'

const said = (error: Error) =>
  withAddress({ shown: 'redis://10.0.0.1' }, () => Promise.reject(error)).then(
    () => assert.fail('expected an error'),
    ({ message }: Error) => message,
  )

test('a command reports a problem of Redis with its address, and keeps what it means', async () => {
  const full = new RedisUnavailableError('REDIS_FULL', '', 'Nothing was accepted.')
  assert.match(
    await said(full),
    /^Redis at redis:\/\/10\.0\.0\.1 is full: .* Nothing was accepted\.$/,
  )
  assert.match(
    await said(new Error('Connection is closed.')),
    /^Redis at redis:\/\/10\.0\.0\.1 does not answer \(.*\)\. Check/,
  )
  assert.equal(await said(new Error('No request r1')), 'No request r1')
})
