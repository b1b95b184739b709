import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, type Need, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

type Env = Record<string, string | undefined>

const SALESFORCE_NEEDED: Need = { redis: 'optional', salesforce: 'required' }

async function fileOf(t: TestContext, yaml: string): Promise<string> {
  return join(await folderOf(t, { 'expunge.yaml': yaml }), 'expunge.yaml')
}

async function load(t: TestContext, yaml: string, env: Env = {}, need: Need = NOTHING_NEEDED) {
  return loadConfig({ ...env, EXPUNGE_CONFIG: await fileOf(t, yaml) }, need)
}

/** The problems of a file, called `FILE` in them. */
async function problems(t: TestContext, yaml: string, env: Env = {}, need: Need = NOTHING_NEEDED) {
  const file = await fileOf(t, yaml)
  const found = await problemsOf({ ...env, EXPUNGE_CONFIG: file }, need)
  return found.map((problem) => problem.replaceAll(file, 'FILE'))
}

test("an org's own entry stands before the environment, that before the file's top level", async (t) => {
  const yaml = 'maxInFlight: 3\ncanary: 7\norgs: { emea: { maxInFlight: 5 }, apac: {} }'
  const inFlight = async (env: Env) =>
    [...(await load(t, yaml, env)).orgs.values()].map(({ name, maxInFlight, canary }) => [
      name,
      maxInFlight,
      canary,
    ])
  assert.deepEqual(await inFlight({}), [
    ['emea', 5, 7],
    ['apac', 3, 7],
  ])
  assert.deepEqual(await inFlight({ EXPUNGE_MAX_IN_FLIGHT: '4' }), [
    ['emea', 5, 7],
    ['apac', 4, 7],
  ])
})

test('a variable overrides the top level of the file', async (t) => {
  const yaml = 'http: { host: 0.0.0.0, port: 1 }\nresults: { path: /srv/a, deleted: true }'
  const config = await load(t, yaml, { EXPUNGE_HTTP_PORT: '2', EXPUNGE_RESULTS: '/srv/b' })
  assert.deepEqual(config.http, { host: '0.0.0.0', port: 2, keys: null })
  assert.equal(config.results.path, '/srv/b')
  assert.equal(config.audit.keepDeleted, true)
})

test('a wrong limit for all orgs is reported once', async (t) => {
  const found = await problems(t, 'orgs: { emea: {}, apac: {} }', { EXPUNGE_CANARY: 'x' })
  assert.equal(found.length, 1)
})

test('paths and secret files of the file start at its folder', async (t) => {
  const folder = await folderOf(t, {
    'etc/expunge.yaml':
      'results: { path: ../out }\nfiles: { roots: [in] }\nredis: { urlFile: url }',
    'etc/url': 'redis://redis',
  })
  const env = { EXPUNGE_CONFIG: join(folder, 'etc/expunge.yaml') }
  const config = await loadConfig(env, NOTHING_NEEDED)
  assert.equal(config.results.path, join(folder, 'out'))
  assert.deepEqual(config.files.roots, [join(folder, 'etc/in')])
  assert.deepEqual(config.redis, { kind: 'url', url: 'redis://redis' })
})

test('an unknown key is refused, with the key that was meant or those that are known', async (t) => {
  assert.deepEqual(
    await problems(t, 'maxInFligt: 3\nworker: { x: 1 }\norgs: { emea: { hardDelte: true } }'),
    [
      'maxInFligt in FILE: unknown; did you mean maxInFlight?',
      'worker.x in FILE: unknown; expected one of lockMs, resendMs, stalledMs.',
      'orgs.emea.hardDelte in FILE: unknown; did you mean hardDelete?',
    ],
  )
})

test('keys of the login are known where Salesforce is not needed, and their variables may be unset', async (t) => {
  const yaml = `orgs:
  emea:
    salesforce: { loginUrl: x, clientId: x, clientSecret: "\${EMEA_SECRET}", clientSecretFile: x, username: x,
      jwtKey: x, jwtKeyFile: x, jwtAudience: x, instanceUrl: x, accessToken: x, accessTokenFile: x }`
  assert.equal((await load(t, yaml)).orgs.get('emea')?.credentials, null)
})

test('a whole value may be a variable, which is then no stranger', async (t) => {
  const yaml = `maxPlans: \${EXPUNGE_PLANS_HERE}\nredis: { url: "\${CACHE}" }`
  const env = { EXPUNGE_PLANS_HERE: '3', CACHE: 'redis://cache' }
  const config = await load(t, yaml, env)
  assert.equal(config.maxPlans, 3)
  assert.deepEqual(config.redis, { kind: 'url', url: 'redis://cache' })
  assert.deepEqual(config.warnings, [])
})

test('an unset variable, or one within a text, is a problem that shows no value', async (t) => {
  const yaml = `redis: { url: 'redis://:\${PW}@hunter2' }\nmaxPlans: \${PLANS}\ncanary: \${constructor}`
  assert.deepEqual(await problems(t, yaml, { PW: 'x' }), [
    'redis.url in FILE: a variable must be the whole value, with nothing beside it.',
    'canary in FILE: the variable constructor is not set.',
    'maxPlans in FILE: the variable PLANS is not set.',
  ])
})

test('every org has a login of its own; variables serve the default one', async (t) => {
  const yaml = `orgs:
  default: { hardDelete: true }
  emea:
    salesforce: { instanceUrl: https://emea.my.salesforce.com, accessToken: hunter2, apiVersion: 64, orgId: 00D5g000004MjfQEAS }`
  const env = {
    SALESFORCE_INSTANCE_URL: 'https://acme.my.salesforce.com',
    SALESFORCE_ACCESS_TOKEN: 'hunter3',
  }
  const { orgs } = await load(t, yaml, env, SALESFORCE_NEEDED)
  const [acme, emea] = [orgs.get('default'), orgs.get('emea')]
  assert.deepEqual(acme?.credentials, {
    kind: 'token',
    instanceUrl: 'https://acme.my.salesforce.com',
    accessToken: 'hunter3',
  })
  assert.equal(acme?.hardDelete, true)
  assert.deepEqual(emea?.credentials, {
    kind: 'token',
    instanceUrl: 'https://emea.my.salesforce.com',
    accessToken: 'hunter2',
  })
  assert.deepEqual([emea?.apiVersion, emea?.expectedOrgId], ['64.0', '00D5g000004MjfQEAS'])
  assert.equal(emea?.hardDelete, false)
})

test('variables beside a file without a default org add that org', async (t) => {
  const env = { SALESFORCE_CLIENT_ID: 'x' }
  assert.deepEqual([...(await load(t, 'orgs: { emea: {} }', env)).orgs.keys()], ['emea', 'default'])
  assert.deepEqual([...(await load(t, 'orgs: { emea: {} }')).orgs.keys()], ['emea'])
})

test('a login of the default org in both places is a problem that names both', async (t) => {
  const yaml = 'orgs: { default: { salesforce: { instanceUrl: https://x, accessToken: hunter2 } } }'
  assert.deepEqual(await problems(t, yaml, { SALESFORCE_CLIENT_ID: '3MVG9' }), [
    'SALESFORCE_CLIENT_ID: the org "default" has its login in orgs.default.salesforce in FILE too. Keep one of the two.',
  ])
})

test('what a login in the file lacks is named by its key', async (t) => {
  const yaml = 'orgs: { emea: { salesforce: { clientId: x, username: y } }, apac: {} }'
  assert.deepEqual(await problems(t, yaml, {}, SALESFORCE_NEEDED), [
    'orgs.emea.salesforce.loginUrl in FILE: missing for JWT bearer (loginUrl, clientId, username, jwtKeyFile).',
    'orgs.emea.salesforce.jwtKeyFile in FILE: missing for JWT bearer (loginUrl, clientId, username, jwtKeyFile).',
    'orgs.apac.salesforce in FILE: no login. Store one with `expunge login`, name an org of the sf CLI with --target-org, or set client credentials (loginUrl, clientId, clientSecret), or JWT bearer (loginUrl, clientId, username, jwtKeyFile), or a token that you already have (instanceUrl, accessToken).',
  ])
})

test('only secrets may be in files of their own', async (t) => {
  const yaml = `orgs:
  emea:
    salesforce: { loginUrl: https://emea.my.salesforce.com, clientIdFile: x, clientSecret: y }`
  const [missing, unknown, ...others] = await problems(t, yaml, {}, SALESFORCE_NEEDED)
  assert.match(missing ?? '', /^orgs\.emea\.salesforce\.clientId in FILE: missing for client/)
  assert.match(
    unknown ?? '',
    /^orgs\.emea\.salesforce\.clientIdFile in FILE: unknown; expected one of/,
  )
  assert.deepEqual(others, [])
})

test('a key of another login is known, though not used', async (t) => {
  const yaml =
    'orgs: { emea: { salesforce: { instanceUrl: https://x, accessToken: y, jwtAudience: https://z } } }'
  const { orgs } = await load(t, yaml, {}, SALESFORCE_NEEDED)
  assert.equal(orgs.get('emea')?.credentials?.kind, 'token')
})

test('names of orgs are simple, and differ in more than case', async (t) => {
  assert.deepEqual(await problems(t, 'orgs: { e/mea: {}, Apac: {}, apac: {} }'), [
    'orgs.e/mea in FILE: expected 1 to 64 letters, digits, "_" or "-" as a name.',
    'orgs.apac in FILE: differs from Apac only in case.',
  ])
})

test('an object is added by name, and pinned to a prefix, digits and all', async (t) => {
  const { objects } = await load(
    t,
    'objects: { Account: { prefix: 001 }, Visit__c: { prefix: a0B }, Case: {}, Lead: , Bill__c: }',
  )
  assert.deepEqual(objects.get('Account'), { name: 'Account', prefix: '001' })
  assert.deepEqual(objects.get('Visit__c'), { name: 'Visit__c', prefix: 'a0B' })
  for (const name of ['Case', 'Bill__c']) assert.deepEqual(objects.get(name), { name, prefix: '' })
  assert.equal(objects.get('Lead')?.prefix, '00Q')
  assert.equal(objects.size, 9)
})

test('an object with the prefix of another, or with another than its own, is refused', async (t) => {
  const yaml = `objects:
  Case: { prefix: 5000 }
  contact: { prefix: 003 }
  Lead: { prefix: 00L }
  a b: { prefix: a0B }
  campaign: { prefix: a0C }`
  assert.deepEqual(await problems(t, yaml), [
    'objects.Case.prefix in FILE: expected the three letters or digits that begin every id of the object, got "5000".',
    'objects.contact in FILE: the prefix 003 belongs to Contact. One prefix names one object.',
    'objects.Lead in FILE: built in, with the prefix 00Q, which cannot change.',
    'objects.a b in FILE: expected the API name of an object: 1 to 80 letters, digits and "_", the first a letter.',
    'objects.campaign in FILE: differs from Campaign only in case.',
  ])
})

test('Redis behind Sentinel and Redis Cluster are read', async (t) => {
  const sentinel =
    'redis: { sentinel: { nodes: [a, "[::1]:5"], sentinelPassword: s, password: p } }'
  assert.deepEqual((await load(t, sentinel)).redis, {
    kind: 'sentinel',
    sentinels: [
      { host: 'a', port: 26_379 },
      { host: '::1', port: 5 },
    ],
    name: 'mymaster',
    sentinelPassword: 's',
    password: 'p',
    tls: false,
  })
  const cluster = 'redis: { cluster: { nodes: [a, b:7], username: u, tls: true } }'
  assert.deepEqual((await load(t, cluster)).redis, {
    kind: 'cluster',
    nodes: [
      { host: 'a', port: 6379 },
      { host: 'b', port: 7 },
    ],
    username: 'u',
    tls: true,
  })
  assert.deepEqual((await load(t, 'redis: { socket: /run/r.sock }')).redis, {
    kind: 'socket',
    path: '/run/r.sock',
  })
})

test('two answers to where Redis is are refused, and wrong nodes by their place', async (t) => {
  const yaml = 'redis: { socket: /r, sentinel: { nodes: ["b c:1"] }, cluster: { nodes: [] } }'
  const found = await problems(t, yaml, { REDIS_URL: 'redis://redis' })
  assert.equal(
    found[0],
    'REDIS_URL and redis.socket in FILE and redis.sentinel in FILE and redis.cluster in FILE: each names a Redis. Keep one of them.',
  )
  // The two are read side by side, so either may come first.
  assert.deepEqual(found.slice(1).sort(), [
    'redis.cluster.nodes in FILE: missing; expected a list, each a host, or host:port (6379 where absent).',
    'redis.sentinel.nodes[0] in FILE: expected a host, or host:port (26379 where absent), got "b c:1".',
  ])
})

test('a value of the wrong shape is named without being shown', async (t) => {
  const yaml =
    'http: hunter2\nmaxPlans: [hunter2]\nfiles: { roots: hunter2 }\nresults: { deleted: yes }'
  assert.deepEqual(await problems(t, yaml), [
    'files.roots in FILE: expected a list, got one value.',
    'maxPlans in FILE: expected a single value, got a list.',
    'http in FILE: expected further settings under this name, got one value.',
    'results.deleted in FILE: expected true or false, got "yes".',
  ])
})

test('an empty file, and keys without value, set nothing', async (t) => {
  assert.equal((await load(t, '')).maxPlans, 4)
  assert.equal((await load(t, '# nothing\nmaxPlans:\nhttp:\norgs:\n')).http.port, 8080)
})

test('a file that is absent or no mapping is a problem', async (t) => {
  assert.deepEqual(await problemsOf({ EXPUNGE_CONFIG: '/nonexistent/expunge.yaml' }), [
    'EXPUNGE_CONFIG: the file /nonexistent/expunge.yaml does not exist.',
  ])
  assert.deepEqual(await problems(t, '- hunter2'), [
    'FILE: expected settings, one "name: value" a line, got a list.',
  ])
})

test('errors of syntax are told with line and column, and without what stands there', async (t) => {
  const broken = [
    ['maxPlans: 1\n\tcanary: hunter2', /^FILE, line 2, column 1: /],
    ['a: "hunter2"x', /^FILE, line 1, column 13: /],
    ['a: |hunter2', /^FILE, line 1, column 5: /],
    ['a: "\\hunter2"', /^FILE, line 1, column \d+: invalid escape sequence/],
    ['a: *hunter2', /^FILE, line 1, column 4: an alias without its anchor.*quotes/],
    ['a: !hunter2 x', /^FILE, line 1, column 4: a tag.*quotes/],
    ['a: {b: 1}}hunter2', /^FILE, line 1, column 10: /],
    ['maxPlans: 1\nmaxPlans: 2', /^FILE, line 2, column 1: Map keys must be unique\./],
    ['a: 1\n---\nb: 2', /^FILE, line \d+, column 1: .*document/],
  ] as const
  for (const [yaml, message] of broken) {
    const found = await problems(t, yaml)
    assert.equal(found.length, 1, yaml)
    assert.match(found[0] ?? '', message, yaml)
    assert.doesNotMatch(found[0] ?? '', /hunter2/, yaml)
  }
})

test('a broken file calls nothing missing, and hides no wrong variable', async (t) => {
  const need: Need = { redis: 'required', salesforce: 'required' }
  assert.deepEqual(await problems(t, 'redis: [', { EXPUNGE_CANARY: 'x' }, need), [
    'FILE, line 1, column 9: Flow sequence in block collection must be sufficiently indented and end with a ].',
    'EXPUNGE_CANARY: expected a whole number, 0 or more, got "x".',
  ])
})

test('anchors and aliases may share what orgs have in common', async (t) => {
  const { orgs } = await load(t, 'orgs: { emea: &usual { maxInFlight: 3 }, apac: *usual }')
  assert.deepEqual([orgs.get('emea')?.maxInFlight, orgs.get('apac')?.maxInFlight], [3, 3])
})
