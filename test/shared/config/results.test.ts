import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainBucket } from '../../../src/shared/bucket/settings.ts'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const placeOf = async (env: Record<string, string>) =>
  (await loadConfig(env, NOTHING_NEEDED)).results

test('results may be in a bucket, under a prefix or none', async () => {
  const there = { kind: 'bucket', settings: plainBucket('acme-results'), proxyEnv: {} }
  const places = {
    's3://acme-results': { path: 's3://acme-results', prefix: '' },
    's3://acme-results/': { path: 's3://acme-results', prefix: '' },
    's3://acme-results/expunge/': { path: 's3://acme-results/expunge', prefix: 'expunge/' },
    's3://acme-results/a/b.c': { path: 's3://acme-results/a/b.c', prefix: 'a/b.c/' },
  }
  for (const [given, expected] of Object.entries(places)) {
    assert.deepEqual(await placeOf({ EXPUNGE_RESULTS: given }), { ...there, ...expected })
  }
})

test('a bucket of results is looked up in the configuration by its name', async (t) => {
  const yaml = `
results: { path: s3://archive/expunge }
sources:
  buckets:
    archive: { bucket: acme-archive, endpoint: http://minio:9000, accessKeyId: AKIA, secretAccessKey: s }
`
  const folder = await folderOf(t, { 'expunge.yaml': yaml })
  const env = { EXPUNGE_CONFIG: join(folder, 'expunge.yaml'), https_proxy: 'http://proxy:3128' }
  assert.deepEqual(await placeOf(env), {
    kind: 'bucket',
    path: 's3://archive/expunge',
    prefix: 'expunge/',
    settings: {
      ...{ name: 'archive', bucket: 'acme-archive', endpoint: 'http://minio:9000', region: null },
      ...{ pathStyle: true, key: { accessKeyId: 'AKIA', secretAccessKey: 's' } },
    },
    proxyEnv: { https_proxy: 'http://proxy:3128' },
  })
})

test('an address that names no place in a bucket is refused', async () => {
  const wrong = ['s3://', 's3:///prefix', 's3://bucket//x', 's3://bucket/../x', 's3://bucket/a b']
  for (const given of [...wrong, 's3://bucket/.', 's3://key:secret@bucket/x', 'https://bucket/x']) {
    const [problem, ...others] = await problemsOf({ EXPUNGE_RESULTS: given })
    assert.match(
      problem ?? '',
      /^EXPUNGE_RESULTS: expected a directory .*, or s3:\/\/bucket\/prefix/,
    )
    assert.deepEqual(others, [])
  }
})
