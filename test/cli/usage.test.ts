import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { runHere } from './run-here.ts'
import { startExpunge } from './spawn.ts'

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runHere(args, { env, input: '' })

test('the version is an answer', async () => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const printed = startExpunge(['--version'], {}, tmpdir()).ended
  assert.deepEqual(await printed, { code: 0, stdout: `${version}\n`, stderr: '' })
})

const WRONG: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['bogus'], /^expunge: unknown command 'bogus'/],
  [['run'], /^expunge: Expected one of --csv, --ids, --url, --soql and --source, got none/],
  [['submit', '--ids', 'x'], /^expunge: Expected --object <name>/],
  [['run', '--object', 'Contact', '--ids', 'x', '--max-records', '0'], /whole number from 1/],
  [
    ['run', '--object', 'Contact', '--ids', 'x', '--on-invalid', 'ask'],
    /Allowed choices are refuse, skip/,
  ],
  [
    ['run', '--object', 'Contact', '--csv', 'no-such.csv', '--yes'],
    /^expunge: --csv: no-such\.csv does not exist/,
  ],
  [
    ['submit', '--soql', 'SELECT Name FROM Contact'],
    /^expunge: --soql: row 1, column 8: expected the column Id alone, got "Name"\.$/m,
  ],
  [['run', '--object', 'Contact', '--csv', '-'], /^expunge: the ids come from stdin/],
  [['status'], /^expunge: missing required argument 'id'/],
  [
    ['run', '--object', 'Contact', '--ids', 'x', '--max-failure-ratio', '2'],
    /Expected a number from 0 to 1/,
  ],
  [['submit', '--object', 'Contact', '--ids', 'x', '--deadline', 'soon'], /Expected a duration/],
  [['cancel', 'x'], /^expunge: no terminal to confirm on\. Add --yes to cancel/],
  [['approve', 'x'], /^expunge: no terminal to confirm on\. Add --yes to approve/],
  [['results', 'x', '--failed', '--json'], /cannot be used with/],
  [['list', '--status', 'gone'], /Allowed choices are queued/],
]

test('what cannot be meant ends with 2, a word on stderr and nothing on stdout', async () => {
  for (const [args, says] of WRONG) {
    const { code, stdout, stderr } = await run(args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /\n\s+at /)
  }
})

test('missing settings are named, all of them at once', async () => {
  const { code, stdout, stderr } = await run(['submit', '--object', 'Contact', '--ids', 'x'], {
    EXPUNGE_MAX_RECORDS: 'many',
  })
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^expunge: .*REDIS_URL: missing/ms)
  assert.match(stderr, /EXPUNGE_MAX_RECORDS: expected/)
  const login = await run(['run', '--object', 'Contact', '--ids', 'x', '--yes'])
  assert.equal(login.code, 2)
  assert.match(login.stderr, /SALESFORCE_/)
})

test('a wrong field of the request is told before anything is started', async () => {
  const { code, stderr } = await run(
    ['run', '--object', 'Contact', '--ids', 'x', '--yes', '--id', '-bad-'],
    { SALESFORCE_INSTANCE_URL: 'http://127.0.0.1:1', SALESFORCE_ACCESS_TOKEN: 'x' },
  )
  assert.equal(code, 2)
  assert.match(stderr, /^expunge: --id: expected/m)
})
