import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { COMMANDS } from '../../src/cli/commands.ts'
import { inAscii, wrapped } from '../../src/cli/terminal-text.ts'
import { fc } from '../helpers/fast-check.ts'
import { poll } from '../helpers/poll.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, csvOf, type Place, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

/** What a person sees of each command, on terminals of several widths and locales. */

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

const LONG = `erasure-${'of-many-contacts-'.repeat(5)}2026`
const REASON = 'Article 17 requests of the last two weeks, as agreed with the privacy team'

/** Requests that ended with failures, wait for approval and wait for a worker. */
async function someRequests({ expunge, folder, ...here }: Place): Promise<void> {
  await writeFile(join(folder, 'contacts.csv'), `${csvOf(contactIds(40))}Jane Example\n`)
  const submit = ['submit', '-s', 'Contact', '-f', 'contacts.csv', '--on-invalid', 'skip']
  const until = (id: string, status: string) =>
    poll(async () => {
      const { stdout } = await expunge(['status', id, '--json'], { env })
      return JSON.parse(stdout).status === status ? true : null
    })
  const stop = await startWorkerHere({ expunge, folder, ...here }, env)
  await expunge([...submit, '--id', 'ended', '--reason', REASON], { env })
  await expunge([...submit, '--id', 'parked', '--approval', 'required'], { env })
  await expunge([...submit, '--id', 'refused', '--on-invalid', 'refuse'], { env })
  await until('ended', 'incomplete')
  await until('parked', 'awaiting-approval')
  await until('refused', 'refused')
  await stop()
  await expunge([...submit, '--id', LONG], { env })
}

/** In this order: the last ones change what is shown. */
const SCREENS: readonly (readonly string[])[] = [
  [],
  ...Object.keys(COMMANDS).map((name) => [name, '--help']),
  ['run', '--bogus'],
  ['list'],
  ['list', '--limit', '1'],
  ['status', 'ended'],
  ['status', 'parked'],
  ['status', 'refused'],
  ['status', LONG],
  ['status', 'nobody'],
  ['results', 'ended'],
  ['results', LONG],
  ['policy'],
  ['pause', '--abort'],
  ['status', LONG],
  ['list'],
  ['resume'],
  ['doctor'],
  ['approve', 'parked'],
  ['approve', 'ended'],
  ['cancel', 'parked'],
  ['key', 'crm', '--roles', 'submit,read'],
  ['run', '-s', 'Contact', '-f', 'contacts.csv', '--on-invalid', 'skip'],
  ['run', '-s', 'Contact', '-f', 'contacts.csv'],
  ['run', '-s', 'Contact', '-f', 'missing.csv'],
]

const wordsOf = (text: string) =>
  stripVTControlCharacters(text)
    .split(/\s+/)
    .filter((word) => word !== '\\')

/** A terminal shows the answer, and the line feed, after the question. */
const linesOf = (text: string) =>
  stripVTControlCharacters(text)
    .replaceAll(/(Type yes to \w+: )/g, '$1\n')
    .split('\n')

/** A word that is longer than the line has one of its own. */
const isOneWord = (line: string) => !line.trim().replace(/ \\$/, '').includes(' ')

test('no screen of a command is wider than its terminal or broken within a word', {
  skip,
}, async (t) => {
  const here = await place(t, {
    rows: { rules: [{ code: 'DELETE_FAILED', ratio: 0.2 }] },
  })
  await someRequests(here)
  for (const args of SCREENS) {
    const see = (columns: number, own: Record<string, string> = {}) =>
      here.expunge(args, { env: { ...env, ...own }, input: 'no\n', onTerminal: true, columns })
    const wide = wordsOf((await see(10_000)).stdout)
    for (const [columns, own] of [
      [80, { NO_COLOR: '1', LC_ALL: 'C' }],
      [120, {}],
    ] as const) {
      const { stdout } = await see(columns, own)
      const title = `expunge ${args.join(' ')} at ${columns}:\n${stdout}`
      for (const line of linesOf(stdout)) {
        assert.ok(stringWidth(line) <= columns || isOneWord(line), `${line}\n${title}`)
      }
      if ('LC_ALL' in own) assert.match(stdout, /^[\n\r\x20-\x7e]*$/, title)
      else if (isDeterministic(args)) assert.deepEqual(wordsOf(stdout), wide, title)
    }
  }
})

/** Others show times, allowances or fewer columns. */
const isDeterministic = ([name = '']: readonly string[]) =>
  ['status', 'results', 'policy'].includes(name)

test('a wrapped text has the same words in the same order', () => {
  const word = fc.stringMatching(/^[a-zé…]{1,30}$/)
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1 }),
      fc.integer({ min: 40, max: 120 }),
      (all, width) => {
        const text = all.join(' ')
        const lines = wrapped(text, width).split('\n')
        // After a first word that is a sign, such as x, lines are continued under the text.
        assert.deepEqual(lines.join(' ').split(/ +/), all)
        assert.ok(lines.every((line) => stringWidth(line) <= width))
      },
    ),
  )
})

test('a long command is continued so that a shell takes it as one', () => {
  const command = `  expunge run --csv 'my list of contacts.csv' --id ${'x'.repeat(30)} --yes`
  assert.equal(
    wrapped(command, 60),
    `  expunge run --csv 'my list of contacts.csv' \\\n    --id ${'x'.repeat(30)} --yes`,
  )
})

test('a locale without UTF-8 gets signs in ASCII, and other characters as escapes', () => {
  assert.equal(inAscii('✓ Zoë … → 中'), '+ Zo\\u00eb ... -> \\u4e2d')
})
