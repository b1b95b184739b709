import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { acceptor } from '../../../../src/shared/store/intake/accept.ts'
import { LedgerConnection } from '../../../../src/shared/store/ledger/connection.ts'
import { orgKeys } from '../../../../src/shared/store/ledger/keys.ts'
import { oneOf, runScript, script } from '../../../../src/shared/store/ledger/script.ts'
import { connectRedis } from '../../../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { openLedger, submission } from './setup.ts'

const server = await startRedis({ after })

test('a server that has lost its scripts is sent them again, and the book is still there', async (t) => {
  const own = await startRedis(t, { appendOnly: true })
  const redis = connectRedis({ kind: 'url', url: own.url }, 'wait', () => {})
  t.after(() => redis.disconnect())
  const keys = orgKeys('default')
  const accept = acceptor(new LedgerConnection(redis, keys), keys)
  assert.equal(await accept(submission({ id: 'a' })), 'accepted')
  await redis.script('FLUSH')
  assert.equal(await accept(submission({ id: 'b' })), 'accepted')
  await own.restart()
  assert.equal(await accept(submission({ id: 'c' })), 'accepted')
  assert.equal(await accept(submission({ id: 'a' })), 'existing')
})

test('bytes go into a script as they are', async (t) => {
  const { connection } = openLedger(t, server)
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const length = script(
    'length',
    { keys: [], args: ['bytes'] },
    `return #bytes .. ':' .. string.byte(bytes, 256)`,
  )
  assert.equal(await runScript(connection, length, { bytes }), '256:255')
})

test('a script reads its keys and arguments by name, lists among them', async (t) => {
  const { connection } = openLedger(t, server)
  const all = script(
    'all',
    { keys: ['first', '...others'], args: ['word', '...words'] },
    `return { first, #others, others[2], word, #words, words[9000] }`,
  )
  const words = Array.from({ length: 9000 }, (_, index) => `w${index}`)
  assert.deepEqual(
    await runScript(connection, all, { first: '{t}1', others: ['{t}2', '{t}3'], word: 'a', words }),
    ['{t}1', 2, '{t}3', 'a', 9000, 'w8999'],
  )
})

test('a mistake in a script reaches the caller', async (t) => {
  const { connection } = openLedger(t, server)
  await assert.rejects(
    runScript(connection, script('mistake', { keys: [] }, 'return nothing()'), {}),
    /nothing/,
  )
})

test('a word that a script may not say is an error that names it', () => {
  assert.equal(oneOf('ok', ['ok', 'lost']), 'ok')
  assert.throws(() => oneOf('maybe', ['ok', 'lost']), /expected one of ok, lost, got maybe/)
  assert.throws(() => oneOf(null, ['ok']), TypeError)
})
