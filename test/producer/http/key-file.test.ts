import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseKeyFile } from '../../../src/producer/http/key-file.ts'
import { createSecret, hashOf } from '../../../src/producer/http/key-secret.ts'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { SOURCE_TYPES } from '../../../src/shared/contract/sources/sources.ts'

const HASH = hashOf('one')
const ANOTHER = hashOf('another')

const keysOf = (text: string) => parseKeyFile(text, 'FILE').map(({ key }) => key)

function problemsOf(text: string): readonly string[] {
  try {
    parseKeyFile(text, 'FILE')
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.doesNotMatch(error.message, /[0-9a-f]{32}/i, 'a hash is told')
    return error.problems.map(({ setting, message }) => `${setting}: ${message}`)
  }
  return assert.fail('expected a ConfigError')
}

test('a file names its keys with what they may do', () => {
  const yaml = `
crm:
  hash: ${HASH}
  roles: [submit, read]
  orgs: [default, emea]
  objects: [Contact]
  maxRecords: 50000
  requestsPerMinute: 60
ops: { hash: ['${ANOTHER}', '${hashOf('a third')}'], roles: [admin], orgs: '*', objects: '*' }
`
  assert.deepEqual(keysOf(yaml), [
    {
      name: 'crm',
      roles: new Set(['submit', 'read']),
      orgs: ['default', 'emea'],
      objects: ['Contact'],
      operations: ['delete'],
      sources: '*',
      priorities: ['high', 'normal', 'low'],
      maxRecords: 50_000,
      recordsPerHour: null,
      recordsPerDay: null,
      requestsPerMinute: 60,
    },
    {
      name: 'ops',
      roles: new Set(['admin']),
      orgs: '*',
      objects: '*',
      operations: ['delete'],
      sources: '*',
      priorities: ['high', 'normal', 'low'],
      maxRecords: null,
      recordsPerHour: null,
      recordsPerDay: null,
      requestsPerMinute: 600,
    },
  ])
  assert.deepEqual(
    parseKeyFile(yaml, 'FILE').map(({ digests }) => digests.length),
    [1, 2],
  )
})

test('a key may be narrowed to operations, sources, priorities and a budget', () => {
  const [key] = keysOf(`
crm:
  hash: ${HASH}
  roles: [submit]
  orgs: '*'
  objects: '*'
  operations: [delete, hardDelete]
  sources: { ids: '*', file: [/data/crm, /data/once.csv] }
  priorities: [normal, low]
  recordsPerHour: 500
  recordsPerDay: 2000
`)
  assert.deepEqual(key?.operations, ['delete', 'hardDelete'])
  assert.deepEqual(key?.sources, { ids: '*', file: ['/data/crm', '/data/once.csv'] })
  assert.deepEqual(key?.priorities, ['normal', 'low'])
  assert.deepEqual([key?.recordsPerHour, key?.recordsPerDay], [500, 2000])
  assert.equal(
    keysOf(`crm: { hash: ${HASH}, roles: [read], orgs: '*', objects: '*', sources: '*' }`)[0]
      ?.sources,
    '*',
  )
})

test('whatever narrows a key wrongly is told with its place', () => {
  assert.deepEqual(
    problemsOf(`
crm: { hash: ${HASH}, roles: [submit], orgs: '*', objects: '*', operations: [drop], sources: { ids: yes, files: /data }, priorities: [], recordsPerHour: 0 }
shop: { hash: ${ANOTHER}, roles: [submit], orgs: '*', objects: '*', operations: '*', sources: { file: [data, /data/../etc] }, recordsPerDay: many }
ops: { hash: ${hashOf('a third')}, roles: [submit], orgs: '*', objects: '*', sources: { upload: '' } }
`),
    [
      'crm.operations[0] in FILE: expected delete or hardDelete, got "drop".',
      'crm.sources.ids in FILE: expected "*", got "yes".',
      'crm.priorities in FILE: missing; expected a list, each high, normal or low.',
      'crm.recordsPerHour in FILE: expected a whole number, 1 or more, got "0".',
      'shop.operations in FILE: expected a list, got one value.',
      'shop.sources.file[0] in FILE: expected the absolute path of a folder or file ("*" without a list for every root of the workers), got "data".',
      'shop.sources.file[1] in FILE: expected the absolute path of a folder or file ("*" without a list for every root of the workers), got "/data/../etc".',
      'shop.recordsPerDay in FILE: expected a whole number, 1 or more, got "many".',
      `ops.sources in FILE: expected "*", or at least one of ${SOURCE_TYPES.join(', ').replace(/, (\w+)$/, ' and $1')}.`,
      'crm.sources.files in FILE: unknown; did you mean file?',
    ],
  )
})

test('a file may be JSON', () => {
  const crm = { hash: HASH, roles: ['read'], orgs: '*', objects: ['Lead'], maxRecords: 5 }
  const [key] = keysOf(JSON.stringify({ crm }, null, 2))
  assert.deepEqual([key?.name, key?.orgs, key?.maxRecords], ['crm', '*', 5])
})

test('every problem is told at once, with its place', () => {
  assert.deepEqual(
    problemsOf(`
crm: { hash: ${HASH}, roles: [submit, write], orgs: [default], objects: [Contact], maxRecord: 1 }
a b: { hash: sha256:${'A'.repeat(64)}, roles: [], objects: '**' }
ops: { hash: [${HASH}], roles: [admin], orgs: ['*'], objects: '*', maxRecords: 0, requestsPerMinute: 1e3 }
`),
    [
      'crm.roles[1] in FILE: expected submit, read, approve or admin, got "write".',
      'a b in FILE: expected 1 to 64 letters, digits, "_", "." or "-" as a name.',
      'a b.roles in FILE: missing; expected a list, each submit, read, approve or admin.',
      'a b.orgs in FILE: missing; expected a list, each the name of an org ("*" without a list for all of them).',
      'a b.objects in FILE: expected a list, got one value.',
      'a b.hash in FILE: expected sha256: and 64 digits of lower-case hexadecimal, as `expunge key` prints them, got something else (not shown: it may hold a secret).',
      'ops.orgs[0] in FILE: expected the name of an org ("*" without a list for all of them), got "*".',
      'ops.maxRecords in FILE: expected a whole number, 1 or more, got "0".',
      'ops.requestsPerMinute in FILE: expected a whole number from 1 to 60000, got "1e3".',
      'ops in FILE: its hash is the same as that of crm. Make a key of its own: expunge key ops',
      'crm.maxRecord in FILE: unknown; did you mean maxRecords?',
    ],
  )
})

test('a hash given twice, or not at all, is a problem', () => {
  const rest = 'roles: [read], orgs: "*", objects: "*"'
  assert.match(problemsOf(`crm: { hash: [${HASH}, ${HASH}], ${rest} }`)[0] ?? '', /given twice/)
  assert.match(problemsOf(`crm: { ${rest} }`)[0] ?? '', /^crm\.hash in FILE: missing/)
})

test('a secret in the place of its hash is not told', () => {
  const secret = createSecret()
  const [problem = ''] = problemsOf(
    `crm: { hash: ${secret}, roles: [read], orgs: "*", objects: "*" }`,
  )
  assert.match(problem, /^crm\.hash in FILE: expected sha256:/)
  assert.ok(!problem.includes(secret))
})

test('a name given twice is told with its line', () => {
  const entry = `{ hash: ${HASH}, roles: [read], orgs: "*", objects: "*" }`
  assert.deepEqual(problemsOf(`crm: ${entry}\ncrm: ${entry}\n`), [
    'FILE, line 2, column 1: Map keys must be unique.',
  ])
})

test('a file without keys is a problem, for it would lock everybody out', () => {
  for (const empty of ['', '# nothing yet\n', '{}', 'null']) {
    assert.match(problemsOf(empty)[0] ?? '', /^FILE: expected keys by name/)
  }
  assert.match(problemsOf('- crm')[0] ?? '', /got a list\.$/)
  assert.match(problemsOf('crm: [')[0] ?? '', /^FILE, line 1, column \d/)
})

test('secrets are long, unlike each other, and pass as a header', () => {
  const secrets = Array.from({ length: 100 }, createSecret)
  assert.equal(new Set(secrets).size, 100)
  for (const secret of secrets) assert.match(secret, /^expunge_[\w-]{43}$/)
})

test('a secret is struck out of what is logged', () => {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const secret = createSecret()
  createLogger({ level: 'info', destination }).info({ sent: secret }, `got ${secret}, refused`)
  assert.match(lines.join(''), /got \[redacted\], refused/)
  assert.ok(!lines.join('').includes(secret))
})

test('the page on keys has a file that is read as it says', async () => {
  const page = await readFile(new URL('../../../docs/api-keys.md', import.meta.url), 'utf8')
  const [, yaml = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? []
  const keys = keysOf(yaml)
  assert.deepEqual(
    keys.map(({ name, roles }) => [name, ...roles]),
    [
      ['crm', 'submit', 'read'],
      ['reviewer', 'read', 'approve'],
      ['ops', 'admin'],
    ],
  )
  assert.deepEqual([keys[1]?.objects, keys[2]?.requestsPerMinute], ['*', 60])
})
