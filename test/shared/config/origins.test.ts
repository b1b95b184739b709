import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const fileOf = async (t: TestContext, yaml: string, files = {}) =>
  join(await folderOf(t, { 'expunge.yaml': yaml, ...files }), 'expunge.yaml')

const sourcesOf = async (file: string, needed: Parameters<typeof loadConfig>[1], env = {}) =>
  (await loadConfig({ EXPUNGE_CONFIG: file, ...env }, needed)).sources

const LOGIN = {
  SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com',
  ...{ SALESFORCE_CLIENT_ID: 'id', SALESFORCE_CLIENT_SECRET: 'secret' },
}
const WORKER = { redis: 'optional', salesforce: 'required' } as const

const YAML = `sources:
  publicUrls: true
  maxBytes: 1000
  origins:
    https://Exports.example.com:443:
      headers: { Authorization: "\${TOKEN}", x-keyFile: key }
    http://files.internal:8080:
`

test('an origin has headers, from variables and files', async (t) => {
  const file = await fileOf(t, YAML, { key: 'k1\n' })
  const sources = await sourcesOf(file, WORKER, { TOKEN: 'Bearer t', ...LOGIN })
  assert.deepEqual(sources.publicUrls, true)
  assert.deepEqual(sources.maxBytes, 1000)
  assert.deepEqual(
    [...sources.origins],
    [
      ['https://exports.example.com', { headers: { authorization: 'Bearer t', 'x-key': 'k1' } }],
      ['http://files.internal:8080', { headers: {} }],
    ],
  )
})

test('a process that reads no sources needs no files of theirs', async (t) => {
  const { origins } = await sourcesOf(await fileOf(t, YAML), NOTHING_NEEDED)
  assert.deepEqual(origins.get('https://exports.example.com'), { headers: {} })
})

test('every wrong origin and header is told, without a value', async (t) => {
  const file = await fileOf(
    t,
    `sources:
  origins:
    exports.example.com: {}
    https://exports.example.com/crm: {}
    "https://me:hunter2@exports.example.com": {}
    https://a.example: { header: { a: b } }
    https://A.example: { headers: { range: x, "a b": y, host: z } }
    https://b.example: { headers: { a: "hunter2\\n\u00e9", b: "\${MISSING}" } }
  publicUrl: true`,
  )
  const problems = await problemsOf({ EXPUNGE_CONFIG: file, ...LOGIN }, WORKER)
  const said = problems.map((problem) => problem.replaceAll(file, 'FILE')).join('\n')
  for (const expected of [
    'sources.origins.exports.example.com in FILE: expected an origin such as',
    'sources.origins.https://exports.example.com/crm in FILE: expected an origin',
    'sources.origins.https://a.example.header in FILE: unknown; did you mean headers?',
    'the origin https://a.example is listed twice.',
    'headers.range in FILE: expected the name of a header that may be set.',
    'headers.a b in FILE: expected the name of a header',
    'headers.host in FILE: expected the name of a header',
    'headers.b in FILE: the variable MISSING is not set.',
    'sources.publicUrl in FILE: unknown; did you mean publicUrls?',
  ]) {
    assert.ok(said.includes(expected), `${expected}\n${said}`)
  }
})
