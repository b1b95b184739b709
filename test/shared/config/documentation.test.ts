import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { KNOWN_VARIABLES } from '../../../src/shared/config/schema.ts'
import { folderOf } from '../../helpers/config.ts'

const PAGE = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = '']) => yaml)

test('the page on configuration has every variable', () => {
  // Secrets in files are told of by their rule, where they are not told of by name.
  const absent = KNOWN_VARIABLES.filter(
    (name) => !PAGE.includes(`\`${name}\``) && !PAGE.includes(`\`${name.replace(/_FILE$/, '')}\``),
  )
  assert.deepEqual(absent, [])
})

test('its complete file is read as it says', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const folder = await folderOf(t, {
    'expunge.yaml': EXAMPLES[0] ?? '',
    'secrets/redis-url': 'redis://redis\n',
    'secrets/warehouse-url': 'postgresql://expunge:s%40cret@db.example.com/dwh\n',
    'secrets/emea.pem': String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  })
  const config = await loadConfig(
    {
      EXPUNGE_CONFIG: join(folder, 'expunge.yaml'),
      ACME_CLIENT_ID: 'a',
      ACME_CLIENT_SECRET: 's',
      EMEA_CLIENT_ID: 'e',
      EXPORTS_AUTHORIZATION: 'Bearer t',
    },
    { redis: 'required', salesforce: 'required' },
  )
  const [acme, emea] = [config.orgs.get('default'), config.orgs.get('emea')]
  assert.deepEqual(config.warnings, [])
  assert.equal(acme?.credentials?.kind, 'client-credentials')
  assert.deepEqual([acme?.maxInFlight, acme?.maxRecords, acme?.hardDelete], [8, 2_000_000, false])
  assert.equal(
    emea?.credentials?.kind === 'jwt' && emea.credentials.audience,
    'https://test.salesforce.com',
  )
  assert.deepEqual([emea?.maxInFlight, emea?.maxRecords, emea?.hardDelete], [3, 50_000, true])
  assert.deepEqual(
    [emea?.maxJobBytes, emea?.maxJobRecords, emea?.canary],
    [50_000_000, 500_000, 5000],
  )
  assert.equal(config.objects.get('Account')?.prefix, '001')
  assert.deepEqual(config.http, {
    ...{ host: '0.0.0.0', port: 8080 },
    keys: join(folder, 'secrets/http-keys.yaml'),
  })
  assert.deepEqual([config.retentionDays, config.maxPlans], [90, 2])
  assert.deepEqual(config.sources.connections.get('warehouse'), {
    name: 'warehouse',
    server: {
      ...{ host: 'db.example.com', port: 5432, database: 'dwh' },
      ...{ user: 'expunge', password: 's@cret', sslmode: 'verify-full' },
    },
    ...{ ca: undefined, connectMs: 10_000, queryMs: 600_000 },
  })
  assert.deepEqual(
    config.callbacks?.receivers.map(({ name, secretsFile }) => [name, secretsFile]),
    [
      ['crm', join(folder, 'secrets/callbacks-crm')],
      ['shops', join(folder, 'secrets/callbacks-shops')],
    ],
  )
  assert.deepEqual(
    [...config.sources.origins],
    [
      ['https://exports.example.com', { headers: { authorization: 'Bearer t' } }],
      ['http://files.internal:8080', { headers: {} }],
    ],
  )
  assert.deepEqual([config.callbacks?.allow.length, config.callbacks?.timeoutMs], [2, 5000])
})

test('its other examples are read too', async (t) => {
  const kinds = []
  for (const yaml of EXAMPLES.slice(1)) {
    const folder = await folderOf(t, { 'expunge.yaml': yaml, 'secrets/redis-password': 'p' })
    const env = { EXPUNGE_CONFIG: join(folder, 'expunge.yaml'), REDIS_PASSWORD: 'p' }
    const { redis } = await loadConfig(env, { redis: 'required', salesforce: 'none' })
    kinds.push(redis?.kind)
  }
  assert.deepEqual(kinds, ['sentinel', 'cluster'])
})
