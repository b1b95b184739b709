import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { parsePostgresUrl } from '../../../src/shared/config/postgres.ts'
import { folderOf } from '../../helpers/config.ts'

test('a connection URL names its server, and how far it is trusted', () => {
  const db = { port: 5432, database: 'db', user: 'me', password: '' }
  const remote = { ...db, host: 'pg.example.com' }
  for (const [url, expected] of [
    ['postgres://me@pg.example.com/db', { ...remote, sslmode: 'verify-full' }],
    [
      'postgresql://me:p%2Fw@pg.example.com:6432/db?sslmode=require',
      { ...remote, port: 6432, password: 'p/w', sslmode: 'require' },
    ],
    ['postgres://me@localhost/db', { ...db, host: 'localhost', sslmode: 'disable' }],
    ['postgres://me@[::1]/db?sslmode=verify-ca', { ...db, host: '::1', sslmode: 'verify-ca' }],
    [
      'postgres://me@/db?host=/run/postgresql',
      { ...db, host: '/run/postgresql', sslmode: 'disable' },
    ],
  ] as const) {
    assert.deepEqual(parsePostgresUrl(url), expected, url)
  }
})

test('a wrong connection URL is not shown', () => {
  for (const url of [
    's3cr3t',
    'mysql://me:s3cr3t@h/db',
    'postgres://h/db',
    'postgres://me:s3cr3t@h',
    'postgres://me:s3cr3t@h/',
    'postgres://me:s3cr3t@/db',
    'postgres://me:s3cr3t@h/db?host=/run',
    'postgres://me:s3cr3t@/db?host=run',
    'postgres://me:%zzs3cr3t@h/db',
    'postgres://me:s3cr3t#x@h/db',
    'postgres://me:s3cr3t@h/db?sslmode=prefer',
    'postgres://me:s3cr3t@h/db?options=-c%20statement_timeout%3D0',
  ]) {
    const problem = parsePostgresUrl(url)
    assert.ok(typeof problem === 'string', url)
    assert.doesNotMatch(problem, /s3cr3t/)
  }
  assert.match(
    String(parsePostgresUrl('postgres://a@h/d?sslmode=allow')),
    /sslmode: expected one of disable, require/,
  )
})

test('a process that opens no sources needs none of their secrets', async (t) => {
  const folder = await folderOf(t, {
    'expunge.yaml':
      'sources: { connections: { warehouse: { urlFile: absent } , b@d: { url: x } } }',
  })
  const env = { EXPUNGE_CONFIG: `${folder}/expunge.yaml` }
  const load = (salesforce: 'none' | 'required') =>
    loadConfig(env, { redis: 'optional', salesforce })
  await assert.rejects(load('none'), /^ConfigError: sources\.connections\.b@d in .* as a name\.$/)
  await assert.rejects(load('required'), (error) => {
    assert.match(
      String(error),
      /connections\.warehouse\.urlFile in .*: the file .*absent cannot be read/,
    )
    assert.match(String(error), /connections\.b@d\.url in .*: expected postgres:\/\//)
    return true
  })
})
