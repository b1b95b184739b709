import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const fileOf = async (t: TestContext, yaml: string) =>
  join(await folderOf(t, { 'expunge.yaml': yaml }), 'expunge.yaml')

async function bucketsOf(t: TestContext, yaml: string, env: Record<string, string> = {}) {
  const file = await fileOf(t, yaml)
  const { sources } = await loadConfig({ EXPUNGE_CONFIG: file, ...env }, NOTHING_NEEDED)
  return [...sources.buckets.values()]
}

test('a bucket needs nothing but its name', async (t) => {
  const plain = { region: null, endpoint: null, pathStyle: false, key: null }
  assert.deepEqual(await bucketsOf(t, 'sources: { buckets: { acme-exports: {} } }'), [
    { name: 'acme-exports', bucket: 'acme-exports', ...plain },
  ])
})

test('a server of its own has its bucket in the path, unless told otherwise', async (t) => {
  const yaml = `sources:
  buckets:
    exports: { bucket: acme-exports, region: eu-1, endpoint: "https://s3.example.com/" }
    other: { endpoint: "http://minio:9000", pathStyle: false }`
  const [exports, other] = await bucketsOf(t, yaml)
  assert.deepEqual(exports, {
    ...{ name: 'exports', bucket: 'acme-exports', region: 'eu-1', key: null },
    ...{ endpoint: 'https://s3.example.com', pathStyle: true },
  })
  assert.deepEqual([other?.endpoint, other?.pathStyle], ['http://minio:9000', false])
})

test('a key comes from a variable, or from files that are not read yet', async (t) => {
  const yaml = `sources:
  buckets:
    exports: { accessKeyId: "\${KEY}", secretAccessKeyFile: /nonexistent/secret }`
  const [exports] = await bucketsOf(t, yaml, { KEY: 'AKIA' })
  const { accessKeyId, secretAccessKey } = exports?.key ?? {}
  assert.equal(accessKeyId, 'AKIA')
  assert.ok(typeof secretAccessKey === 'object')
  assert.equal(secretAccessKey.path, '/nonexistent/secret')
  assert.match(secretAccessKey.setting, /^sources.buckets.exports.secretAccessKeyFile in /)
})

test('every wrong setting is reported, without a secret', async (t) => {
  const yaml = `sources:
  buckets:
    a: { bucket: "a/b", region: "EU Central", endpoint: "https://key:hush@s3.example.com", pathStyle: yes }
    b: { accessKeyId: AKIA }
    c: { accessKeyId: AKIA, accessKeyIdFile: /f, secretAccessKey: hush, prefix: x }`
  const file = await fileOf(t, yaml)
  const found = (await problemsOf({ EXPUNGE_CONFIG: file })).map((one) => one.replaceAll(file, 'F'))
  assert.deepEqual(found, [
    'sources.buckets.a.endpoint in F: expected an http:// or https:// URL without user, path, query and fragment; keys go into accessKeyId and secretAccessKey, got something else (not shown: it may hold a secret).',
    'sources.buckets.a.pathStyle in F: expected true or false, got "yes".',
    'sources.buckets.a.bucket in F: expected a bucket\'s name: letters, digits and . _ -, got "a/b".',
    'sources.buckets.a.region in F: expected a region such as eu-central-1, got "EU Central".',
    'sources.buckets.c.accessKeyId in F: given twice, by sources.buckets.c.accessKeyIdFile in F too. Keep one of the two.',
    "sources.buckets.b.secretAccessKey in F: missing; set accessKeyId and secretAccessKey, or neither for AWS's own credentials.",
    'sources.buckets.c.prefix in F: unknown; expected one of accessKeyId, accessKeyIdFile, bucket, endpoint, pathStyle, region, secretAccessKey, secretAccessKeyFile.',
  ])
})
