import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseKeyFile } from '../../src/producer/http/key-file.ts'
import { digestOf } from '../../src/producer/http/key-secret.ts'
import { runHere } from './run-here.ts'

const key = (...args: readonly string[]) => runHere(['key', ...args], { input: '' })

test('a key is told beside its entry, which the key file takes as it is', async () => {
  const [crm, ops] = await Promise.all([
    key(
      ...['crm', '--roles', 'submit,read', '--object', 'Contact,Lead', '--max-records', '50'],
      ...['--operation', 'delete,hardDelete', '--source', 'ids,file:/data/a,file:/data/b'],
      ...['--priority', 'normal', '--records-per-hour', '100', '--records-per-day', '500'],
    ),
    key('ops', '--roles', 'admin', '--org', '*', '--requests-per-minute', '60'),
  ])
  assert.deepEqual([crm.code, ops.code], [0, 0])
  const [first, second] = parseKeyFile(crm.stdout + ops.stdout, 'FILE')
  assert.deepEqual(first?.key, {
    name: 'crm',
    roles: new Set(['submit', 'read']),
    orgs: ['default'],
    objects: ['Contact', 'Lead'],
    operations: ['delete', 'hardDelete'],
    sources: { ids: '*', file: ['/data/a', '/data/b'] },
    priorities: ['normal'],
    maxRecords: 50,
    recordsPerHour: 100,
    recordsPerDay: 500,
    requestsPerMinute: 600,
  })
  assert.deepEqual(
    [second?.key.orgs, second?.key.objects, second?.key.requestsPerMinute],
    ['*', '*', 60],
  )
  const [secret = ''] = /expunge_[\w-]{43}/.exec(crm.stderr) ?? []
  assert.deepEqual(first?.digests, [digestOf(secret)])
  assert.doesNotMatch(crm.stdout, /expunge_/)
  assert.match(crm.stdout, /^ {2}roles: \[submit, read\]$/m)
})

test('as JSON, key and entry come together', async () => {
  const { code, stdout, stderr } = await key('crm', '--roles', 'read', '--json')
  assert.deepEqual([code, stderr], [0, ''])
  const { name, key: secret, entry } = JSON.parse(stdout)
  const [only] = parseKeyFile(JSON.stringify(entry), 'FILE')
  assert.deepEqual([name, only?.digests], ['crm', [digestOf(secret)]])
})

test('what no key file would take makes no key', async () => {
  for (const [args, says] of [
    [['crm', '--roles', 'write'], /crm\.roles\[0\] in the new entry: expected submit, read/],
    [['c r m', '--roles', 'read'], /c r m in the new entry: expected 1 to 64 letters/],
    [['crm', '--roles', 'read', '--org', 'a,,b'], /names, separated by commas/],
    [['crm', '--roles', 'submit', '--source', 'ids:x'], /sources\.ids in the new entry: expected/],
    [['crm', '--roles', 'submit', '--source', 'ftp'], /sources\.ftp in the new entry: unknown/],
    [['crm'], /required option '--roles/],
  ] as const) {
    const { code, stdout, stderr } = await key(...args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /expunge_/)
  }
})
