import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentences } from '../../src/cli/own-worker.ts'

test('a warning is a sentence with its cause, said once a minute', () => {
  const said: string[] = []
  let now = 0
  const log = sentences(
    (text) => said.push(text),
    () => now,
  )
  const trouble = {
    level: 'error',
    msg: 'Redis connection error.',
    err: { message: 'ECONNREFUSED' },
  }
  for (now of [0, 100, 59_999, 60_000]) log.write(`${JSON.stringify(trouble)}\n`)
  log.write(
    `${JSON.stringify({ level: 'warn', msg: 'Login failed: no.', err: { message: 'no' } })}\n`,
  )
  log.write('not JSON\n')
  for (const own of [{ code: 'REDIS_AWAY' }, { reason: 'outage' }]) {
    log.write(`${JSON.stringify({ level: 'error', msg: 'Reported by the command.', ...own })}\n`)
  }
  const sentence = 'Redis connection error. ECONNREFUSED'
  assert.deepEqual(said, [sentence, sentence, 'Login failed: no.', 'not JSON'])
})
