import assert from 'node:assert/strict'
import { symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

test('without any setting every default is in place', async () => {
  const config = await loadConfig({ HOME: '/home/ada' }, NOTHING_NEEDED)
  assert.deepEqual(config, {
    redis: null,
    home: '/home/ada/.local/state/expunge',
    orgs: new Map([
      [
        'default',
        {
          name: 'default',
          login: 'none',
          credentials: null,
          expectedOrgId: null,
          apiVersion: '61.0',
          maxJobBytes: 100_000_000,
          maxJobRecords: null,
          maxInFlight: 10,
          urgentInFlight: 2,
          maxRecords: 1_000_000,
          approvalAbove: null,
          canary: 10_000,
          hardDelete: false,
          quotaReserve: { calls: 20, batches: 10 },
          timeouts: { connect: 15_000, response: 300_000, idle: 300_000 },
        },
      ],
    ]),
    objects: new Map([
      ['Contact', { name: 'Contact', prefix: '003' }],
      ['Lead', { name: 'Lead', prefix: '00Q' }],
      ['Campaign', { name: 'Campaign', prefix: '701' }],
      ['MarketSegment', { name: 'MarketSegment', prefix: '1sg' }],
      ['FlowRecord', { name: 'FlowRecord', prefix: '2aF' }],
    ]),
    results: { kind: 'directory', path: resolve('results') },
    retentionDays: 30,
    idempotencyDays: 400,
    files: { roots: [] },
    sources: {
      ...{ publicUrls: false, maxBytes: 4_294_967_296 },
      ...{ origins: new Map(), buckets: new Map(), connections: new Map(), proxyEnv: {} },
    },
    maxPlans: 4,
    maxPlanMemory: 536_870_912,
    planHours: 24,
    metrics: { host: '127.0.0.1', port: 9464 },
    http: { host: '127.0.0.1', port: 8080, keys: null },
    logLevel: 'info',
    audit: { keepDeleted: false },
    callbacks: null,
    tracing: null,
    worker: { lockMs: 10_000, stalledMs: 5_000, resendMs: 5_000 },
    coalesce: { below: 2000, fill: 10_000, waitMs: 30_000, highWaitMs: 2000 },
    proxyEnv: {},
    warnings: [],
  })
})

test('every variable sets its setting', async () => {
  const config = await loadConfig(
    {
      REDIS_URL: 'rediss://ada:pw@redis.example:6380/2',
      EXPUNGE_HOME: '/srv/home',
      EXPUNGE_RESULTS: '/srv/results',
      EXPUNGE_RETENTION_DAYS: '7',
      EXPUNGE_MAX_PLANS: '2',
      EXPUNGE_MAX_JOB_BYTES: '22',
      EXPUNGE_MAX_JOB_RECORDS: '1',
      EXPUNGE_MAX_IN_FLIGHT: '500',
      EXPUNGE_URGENT_IN_FLIGHT: '1',
      EXPUNGE_QUOTA_RESERVE_CALLS: '0',
      EXPUNGE_QUOTA_RESERVE_BATCHES: '40',
      EXPUNGE_MAX_RECORDS: '5',
      EXPUNGE_CANARY: '0',
      EXPUNGE_HTTP_HOST: '::1',
      EXPUNGE_HTTP_PORT: '0',
      EXPUNGE_METRICS_HOST: 'metrics.internal',
      EXPUNGE_METRICS_PORT: '65535',
      LOG_LEVEL: 'silent',
      SALESFORCE_ORG_ID: '00D5g000004MjfQ',
      SALESFORCE_API_VERSION: '66.0',
      https_proxy: 'http://proxy:3128',
      NO_PROXY: 'localhost',
    },
    NOTHING_NEEDED,
  )
  assert.deepEqual(config.redis, { kind: 'url', url: 'rediss://ada:pw@redis.example:6380/2' })
  assert.equal(config.home, '/srv/home')
  assert.deepEqual(config.results, { kind: 'directory', path: '/srv/results' })
  assert.deepEqual([config.retentionDays, config.maxPlans, config.logLevel], [7, 2, 'silent'])
  assert.deepEqual(config.http, { host: '::1', port: 0, keys: null })
  assert.deepEqual(config.metrics, { host: 'metrics.internal', port: 65_535 })
  assert.deepEqual(config.proxyEnv, { https_proxy: 'http://proxy:3128', NO_PROXY: 'localhost' })
  assert.deepEqual(config.orgs.get('default'), {
    name: 'default',
    login: 'none',
    credentials: null,
    expectedOrgId: '00D5g000004MjfQEAS',
    apiVersion: '66.0',
    maxJobBytes: 22,
    maxJobRecords: 1,
    maxInFlight: 500,
    urgentInFlight: 1,
    maxRecords: 5,
    approvalAbove: null,
    canary: 0,
    hardDelete: false,
    quotaReserve: { calls: 0, batches: 40 },
    timeouts: { connect: 15_000, response: 300_000, idle: 300_000 },
  })
})

test('every wrong variable is reported at once, by name, with what was expected and what came', async () => {
  assert.deepEqual(
    await problemsOf({
      EXPUNGE_MAX_IN_FLIGHT: 'ten',
      EXPUNGE_URGENT_IN_FLIGHT: '0',
      EXPUNGE_MAX_JOB_BYTES: '21',
      EXPUNGE_MAX_JOB_RECORDS: '-1',
      EXPUNGE_CANARY: '1e4',
      EXPUNGE_HTTP_HOST: 'http://0.0.0.0',
      EXPUNGE_METRICS_PORT: '65536',
      EXPUNGE_RESULTS: 'gs://bucket/prefix',
      LOG_LEVEL: 'loud',
      SALESFORCE_ORG_ID: '00D5g000004MjfQXXX',
      SALESFORCE_API_VERSION: '40.0',
    }),
    [
      'SALESFORCE_ORG_ID: expected an org\'s id, 15 or 18 characters that begin with 00D, got "00D5g000004MjfQXXX".',
      'SALESFORCE_API_VERSION: expected a version of the API from 41.0 on, where Bulk API 2.0 began, got "40.0".',
      'EXPUNGE_MAX_JOB_BYTES: expected a whole number from 22 to 100000000, got "21".',
      'EXPUNGE_MAX_JOB_RECORDS: expected a whole number, 1 or more, got "-1".',
      'EXPUNGE_MAX_IN_FLIGHT: expected a whole number from 1 to 500, got "ten".',
      'EXPUNGE_URGENT_IN_FLIGHT: expected a whole number from 1 to 500, got "0".',
      'EXPUNGE_CANARY: expected a whole number, 0 or more, got "1e4".',
      'EXPUNGE_RESULTS: expected a directory that all processes share, or s3://bucket/prefix (letters, digits, and . _ - / in the prefix), got "gs://bucket/prefix".',
      'EXPUNGE_METRICS_PORT: expected a whole number from 0 to 65535, got "65536".',
      'EXPUNGE_HTTP_HOST: expected a host name or an address, without scheme and port, got "http://0.0.0.0".',
      'LOG_LEVEL: expected fatal, error, warn, info, debug, trace or silent, got "loud".',
    ],
  )
})

test('the message of the error holds every problem, one a line', async () => {
  await assert.rejects(
    loadConfig({ EXPUNGE_CANARY: 'x', EXPUNGE_MAX_PLANS: '0' }, NOTHING_NEEDED),
    (error) =>
      error instanceof ConfigError &&
      /^EXPUNGE_CANARY: .*\nEXPUNGE_MAX_PLANS: .*$/.test(error.message),
  )
})

test('an empty variable counts as unset', async () => {
  const config = await loadConfig({ EXPUNGE_MAX_PLANS: '', REDIS_URL: '' }, NOTHING_NEEDED)
  assert.equal(config.maxPlans, 4)
  assert.equal(config.redis, null)
})

test('the home folder follows XDG_STATE_HOME where that is absolute', async () => {
  const homeOf = async (state: string) =>
    (await loadConfig({ HOME: '/home/ada', XDG_STATE_HOME: state }, NOTHING_NEEDED)).home
  assert.equal(await homeOf('/var/state'), '/var/state/expunge')
  assert.equal(await homeOf('var/state'), '/home/ada/.local/state/expunge')
})

test('an unknown variable under our prefixes is a warning, with a suggestion where one is near', async () => {
  const { warnings } = await loadConfig(
    { EXPUNGE_MAX_IN_FLIHGT: '4', EXPUNGE_FOO: '1', SALESFORCE_PROJECT: 'x', PATH: '/bin' },
    NOTHING_NEEDED,
  )
  assert.deepEqual(warnings, [
    'EXPUNGE_MAX_IN_FLIHGT: no setting of Expunge, so it is ignored. Did you mean EXPUNGE_MAX_IN_FLIGHT?',
    'EXPUNGE_FOO: no setting of Expunge, so it is ignored.',
    'SALESFORCE_PROJECT: no setting of Expunge, so it is ignored.',
  ])
})

test('a wrong proxy is refused without being shown', async () => {
  assert.deepEqual(await problemsOf({ HTTPS_PROXY: 'socks5://ada:hunter2@proxy' }), [
    'HTTPS_PROXY: expected an http:// or https:// URL, or host:port (not shown: it may hold a password).',
  ])
})

test('a folder of logins that cannot be read is a problem only for those who need a login', async (t) => {
  const home = await folderOf(t, {})
  await symlink('logins', join(home, 'logins'))
  const env = { EXPUNGE_HOME: home }
  const fault = `stored logins are not used: the folder ${join(home, 'logins')} cannot be read (ELOOP).`
  assert.deepEqual((await loadConfig(env, NOTHING_NEEDED)).warnings, [fault])
  const token = {
    SALESFORCE_INSTANCE_URL: 'https://acme.my.salesforce.com',
    SALESFORCE_ACCESS_TOKEN: '00D!token',
  }
  const need = { redis: 'optional', salesforce: 'required' } as const
  assert.deepEqual((await loadConfig({ ...env, ...token }, need)).warnings, [fault])
  const [problem] = await problemsOf(env, need)
  assert.equal(problem, `EXPUNGE_HOME: ${fault}`)
})

test('of the orgs that a command is for alone, the logins are read; a name must be known', async (t) => {
  const org = (secretFile: string) =>
    `{ salesforce: { loginUrl: https://acme.my.salesforce.com, clientId: x, clientSecretFile: ${secretFile} } }`
  const file = `orgs: { emea: ${org('secret')}, apac: ${org('missing')} }\n`
  const folder = await folderOf(t, { 'expunge.yaml': file, secret: 'hunter2' })
  const env = { EXPUNGE_CONFIG: join(folder, 'expunge.yaml') }
  const need = { redis: 'optional', salesforce: 'required' } as const
  const { orgs } = await loadConfig(env, { ...need, orgs: ['emea'] })
  assert.deepEqual([...orgs.keys()], ['emea'])
  assert.equal((await problemsOf(env, need)).length, 1)
  assert.deepEqual(await problemsOf(env, { ...need, orgs: ['emea', 'latam'] }), [
    '--org: expected an org of the configuration (emea, apac), got latam.',
  ])
})

test('where Redis is required and missing, the message says how to give it', async () => {
  const [problem = ''] = await problemsOf({}, { redis: 'required', salesforce: 'none' })
  assert.match(
    problem,
    /^REDIS_URL: missing\. .*redis:\/\/host:6379.*REDIS_URL_FILE.*EXPUNGE_CONFIG/,
  )
})

test('a Redis URL may come from a file, whose newline at the end is dropped', async (t) => {
  const folder = await folderOf(t, { 'redis-url': 'redis://:hunter2@redis/0\n' })
  const env = { REDIS_URL_FILE: join(folder, 'redis-url') }
  const config = await loadConfig(env, { redis: 'required', salesforce: 'none' })
  assert.deepEqual(config.redis, { kind: 'url', url: 'redis://:hunter2@redis/0' })
})

test('a secret given twice, or by a file that is missing, empty or wrong, is a problem without the secret', async (t) => {
  const folder = await folderOf(t, { empty: '\n', wrong: 'http://:hunter2@redis' })
  const path = (name: string) => join(folder, name)
  assert.deepEqual(
    await problemsOf({ REDIS_URL: 'redis://:hunter2@a', REDIS_URL_FILE: path('b') }),
    ['REDIS_URL: given twice, by REDIS_URL_FILE too. Keep one of the two.'],
  )
  assert.deepEqual(await problemsOf({ REDIS_URL_FILE: path('absent') }), [
    `REDIS_URL_FILE: the file ${path('absent')} cannot be read (ENOENT).`,
  ])
  assert.deepEqual(await problemsOf({ REDIS_URL_FILE: path('empty') }), [
    `REDIS_URL_FILE: the file ${path('empty')} is empty.`,
  ])
  assert.deepEqual(await problemsOf({ REDIS_URL_FILE: path('wrong') }), [
    'REDIS_URL_FILE: expected redis://host:6379 or rediss://host:6379 (nothing but a database number behind it, special characters in the password percent-encoded), got something else (not shown: it may hold a secret).',
  ])
})
