import assert from 'node:assert/strict'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { shellQuoted } from '../../src/cli/command-line.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { leaveRequests } from './embedded-requests.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()
const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--yes', '--on-invalid', 'skip']

test('the files of a request are listed with their rows, or one is printed', {
  skip,
}, async (t) => {
  const ids = contactIds(3000)
  const rules = [{ code: 'DELETE_FAILED', ids }]
  const { folder, expunge } = await place(t, { rows: { rules } })
  await writeFile(join(folder, 'ids.csv'), csvOf([...ids, 'no id']))
  const run = await expunge([...RUN, '--id', 'x'])
  assert.equal(run.code, 1, run.stderr)

  const listed = await expunge(['results', 'X'])
  assert.equal(listed.code, 0, listed.stderr)
  assert.deepEqual(listed.stdout.trimEnd().split(/\s*\n\s*/), [
    join(folder, 'results/default/x'),
    'receipt.json',
    'failed.csv    3,000  rows',
    'invalid.csv       1  row',
  ])
  const json = JSON.parse((await expunge(['results', 'x', '--json'])).stdout)
  assert.deepEqual(
    [json.id, json.status, json.folder],
    ['x', 'incomplete', join(folder, 'results/default/x')],
  )
  assert.deepEqual(
    json.files.map(({ name, rows, intact }: Record<string, unknown>) => [name, rows, intact]),
    [
      ['receipt.json', null, undefined],
      ['failed.csv', 3000, true],
      ['invalid.csv', 1, true],
    ],
  )
  const failed = await expunge(['results', 'x', '--failed'])
  const lines = failed.stdout.trimEnd().split('\n')
  assert.deepEqual(
    [failed.code, failed.stderr, lines[0], lines.length],
    [0, '', 'Id,Code,Message', 3001],
  )
  const none = await expunge(['results', 'x', '--unprocessed'])
  assert.deepEqual([none.code, none.stdout], [0, ''])
  assert.match(none.stderr, /Request x has no unprocessed records/)

  const path = join(folder, 'results/default/x')
  await appendFile(join(path, 'failed.csv'), `${contactIds(3001).at(-1)},CODE,added by hand\n`)
  await rm(join(path, 'invalid.csv'))
  const differs = await expunge(['results', 'x'])
  assert.equal(differs.code, 1)
  assert.match(
    differs.stdout,
    /failed\.csv .* missing or changed\n.*invalid\.csv .*missing or changed/,
  )
  const refused = await expunge(['results', 'x', '--failed'])
  assert.deepEqual([refused.code, refused.stdout], [2, ''])
  assert.match(
    refused.stderr,
    /failed\.csv was changed after it was written: the receipt has 3,000 rows/,
  )
})

test('a reader that goes away is no error', { skip }, async (t) => {
  const ids = contactIds(30_000)
  const { folder, expunge, start } = await place(t, {
    rows: { rules: [{ code: 'DELETE_FAILED', ids }] },
  })
  await writeFile(join(folder, 'ids.csv'), csvOf(ids))
  await expunge([...RUN, '--id', 'x'])
  // The status of the shell is that of the command itself, told by way of stderr.
  const under = (command: readonly string[]) => [
    ...[
      '/bin/sh',
      '-c',
      `{ ${command.map(shellQuoted).join(' ')}; echo "code $?" >&2; } | head -n 2`,
    ],
  ]
  const { stdout, stderr } = await start(['results', 'x', '--failed'], { under }).ended
  assert.equal(stderr, 'code 0\n')
  assert.equal(stdout.split('\n').length, 3)
})

test('where there are no results it says why', { skip }, async (t) => {
  const here = await place(t)
  const { expunge } = here
  const never = await expunge(['results', 'x'])
  assert.deepEqual([never.code, never.stdout], [2, ''])
  assert.match(never.stderr, /No request x: .* has no requests/)
  await leaveRequests(here, ['x'])
  const early = await expunge(['results', 'x'])
  assert.equal(early.code, 2)
  assert.match(early.stderr, /Request x is queued\. Its results are available when it has ended/)
  await expunge(['cancel', 'x', '--yes', '--results', 'elsewhere'])
  const lost = await expunge(['results', 'x', '--failed'])
  assert.equal(lost.code, 2)
  assert.match(
    lost.stderr,
    /has no receipt: the results of x are in another place, .* Specify .* --results/,
  )
  const found = await expunge(['results', 'x', '--results', 'elsewhere'])
  assert.equal(found.code, 0, found.stderr)
  const other = await expunge(['results', 'x', '--org', 'emea'])
  assert.match(other.stderr, /org "emea" has no request with that id/)
})
