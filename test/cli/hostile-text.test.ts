import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()

const HOSTILE = 'Art. 17\u001b]52;c;ZXZpbA==\u0007\u001b[31m\u009b2J\u202e\nStatus  completed'
const ESCAPED =
  'Art. 17\\u001b]52;c;ZXZpbA==\\u0007\\u001b[31m\\u009b2J\\u202e\\u000aStatus  completed'

/** Controls other than line ends and the closed set of our own colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const BAD = /(?!\r?\n)(?!\u001b\[(?:0|1|2|22|31|32|33|36|39)m)[\p{Cc}\p{Bidi_Control}]/u

const RUN = 'run --object Contact --csv ids.csv --on-invalid skip --dry-run'.split(' ')

test('what a caller wrote reaches a terminal escaped, whichever command shows it', {
  skip,
}, async (t) => {
  const { expunge, folder } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf([...contactIds(3), '\u009d\u202e\u001b52']))
  const done = await expunge([...RUN, '--id', 'x', '--reason', HOSTILE], { onTerminal: true })
  assert.equal(done.code, 0, done.stdout)
  // The cursor is hidden and shown around the bar, by sequences of its own.
  const status = await expunge(['status', 'x'], { onTerminal: true })
  assert.ok(status.stdout.includes(ESCAPED), status.stdout)
  for (const args of [
    ['status', 'x'],
    ['status', 'x', '--json'],
    ['list'],
    ['list', '--json'],
    ['cancel', 'x', '--yes'],
    ['results', 'x'],
    ['results', 'x', '--invalid'],
    ['status', HOSTILE],
    ['status', `--${HOSTILE}`],
  ]) {
    const { stdout } = await expunge(args, { onTerminal: true })
    assert.doesNotMatch(stdout, BAD, JSON.stringify([args, stdout]))
  }
})

test('JSON and files in a pipe are exact', { skip }, async (t) => {
  const { expunge, folder } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf([...contactIds(3), '\u009d\u202e\u001b52']))
  const done = await expunge([...RUN, '--id', 'x', '--reason', HOSTILE, '--json'])
  assert.equal(JSON.parse(done.stdout).reason, HOSTILE)
  assert.doesNotMatch(done.stdout, BAD)
  const invalid = await expunge(['results', 'x', '--invalid'])
  assert.match(invalid.stdout, /^5,\.U\+202E\.… \(5 characters\),NOT_AN_ID: .*: U\+202E within$/m)
})
