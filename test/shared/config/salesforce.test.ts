import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, type Need, problemsOf } from '../../helpers/config.ts'

const NEED: Need = { redis: 'optional', salesforce: 'required' }

type Env = Record<string, string>

const CLIENT_CREDENTIALS: Env = {
  SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com/',
  SALESFORCE_CLIENT_ID: '3MVG9',
  SALESFORCE_CLIENT_SECRET: 'hunter2',
}
const TOKEN: Env = {
  SALESFORCE_INSTANCE_URL: 'https://acme.my.salesforce.com',
  SALESFORCE_ACCESS_TOKEN: '00D5g000004MjfQ!hunter2',
}

function pemOf({ privateKey }: { privateKey: KeyObject }): string {
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}
const PRIVATE_KEY = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))

async function loginOf(env: Env) {
  const { orgs, warnings } = await loadConfig(env, NEED)
  return { credentials: orgs.get('default')?.credentials, warnings }
}

function jwtEnv(folder: string, loginUrl = 'https://login.salesforce.com'): Env {
  return {
    SALESFORCE_LOGIN_URL: loginUrl,
    SALESFORCE_CLIENT_ID: '3MVG9',
    SALESFORCE_USERNAME: 'expunge@acme.example',
    SALESFORCE_JWT_KEY_FILE: join(folder, 'key.pem'),
  }
}

test('client credentials are read, the URL without its closing slash', async () => {
  assert.deepEqual(await loginOf(CLIENT_CREDENTIALS), {
    credentials: {
      kind: 'client-credentials',
      loginUrl: 'https://acme.my.salesforce.com',
      clientId: '3MVG9',
      clientSecret: 'hunter2',
    },
    warnings: [],
  })
})

test('a token is read, and what belongs to another login is warned of', async () => {
  assert.deepEqual(await loginOf({ ...TOKEN, SALESFORCE_CLIENT_ID: '3MVG9' }), {
    credentials: {
      kind: 'token',
      instanceUrl: 'https://acme.my.salesforce.com',
      accessToken: '00D5g000004MjfQ!hunter2',
    },
    warnings: ['SALESFORCE_CLIENT_ID: not used; the login is by a token that you already have.'],
  })
})

test('JWT bearer reads the key and derives the audience from the host', async (t) => {
  const folder = await folderOf(t, { 'key.pem': PRIVATE_KEY })
  const { credentials } = await loginOf(jwtEnv(folder))
  assert.deepEqual(credentials, {
    kind: 'jwt',
    loginUrl: 'https://login.salesforce.com',
    clientId: '3MVG9',
    username: 'expunge@acme.example',
    privateKey: PRIVATE_KEY.trimEnd(),
    audience: 'https://login.salesforce.com',
    secretFile: { path: join(folder, 'key.pem'), setting: 'SALESFORCE_JWT_KEY_FILE' },
  })
  const audienceOf = async (env: Env) => {
    const { credentials } = await loginOf(env)
    return credentials?.kind === 'jwt' ? credentials.audience : undefined
  }
  const sandbox = jwtEnv(folder, 'https://acme--uat.sandbox.my.salesforce.com')
  assert.equal(await audienceOf(sandbox), 'https://test.salesforce.com')
  const told = { ...sandbox, SALESFORCE_JWT_AUDIENCE: 'https://acme.my.site.com/partners' }
  assert.equal(await audienceOf(told), 'https://acme.my.site.com/partners')
})

test('a secret from a file comes with the place where it can be read anew', async (t) => {
  const yaml = `orgs:
  one: { salesforce: { loginUrl: https://acme.my.salesforce.com, clientId: c, clientSecretFile: s } }
  two: { salesforce: { instanceUrl: https://acme.my.salesforce.com, accessTokenFile: sub/t } }`
  const folder = await folderOf(t, { 'expunge.yaml': yaml, s: 'hunter2\n', 'sub/t': '00Dx!y\n' })
  const file = join(folder, 'expunge.yaml')
  const { orgs } = await loadConfig({ EXPUNGE_CONFIG: file }, NEED)
  const [one, two] = [orgs.get('one')?.credentials, orgs.get('two')?.credentials]
  assert.deepEqual(one?.secretFile, {
    path: join(folder, 's'),
    setting: `orgs.one.salesforce.clientSecretFile in ${file}`,
  })
  assert.deepEqual(two?.secretFile, {
    path: join(folder, 'sub/t'),
    setting: `orgs.two.salesforce.accessTokenFile in ${file}`,
  })
})

test('how long Salesforce may be silent is set for one org, by the file', async (t) => {
  const yaml = `orgs:
  one: { timeouts: { connectMs: 5000, idleMs: 60000 } }
  two: {}`
  const need: Need = { redis: 'optional', salesforce: 'none' }
  const folder = await folderOf(t, {
    'expunge.yaml': yaml,
    'wrong.yaml': yaml.replace('5000', '5'),
  })
  const { orgs } = await loadConfig({ EXPUNGE_CONFIG: join(folder, 'expunge.yaml') }, need)
  assert.deepEqual(orgs.get('one')?.timeouts, { connect: 5000, response: 300_000, idle: 60_000 })
  assert.deepEqual(orgs.get('two')?.timeouts, {
    ...{ connect: 15_000, response: 300_000, idle: 300_000 },
  })
  const [problem = ''] = await problemsOf({ EXPUNGE_CONFIG: join(folder, 'wrong.yaml') }, need)
  assert.match(problem, /^orgs\.one\.timeouts\.connectMs in .*: expected a whole number/)
})

test('a key that is short, not RSA or no key at all is refused without being shown', async (t) => {
  const short = pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))
  const elliptic = pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  for (const key of [short, elliptic, 'hunter2']) {
    const folder = await folderOf(t, { 'key.pem': key })
    assert.deepEqual(await problemsOf(jwtEnv(folder), NEED), [
      'SALESFORCE_JWT_KEY_FILE: expected an RSA private key of 2048 bits or more, as PEM without passphrase, got something else (not shown: it may hold a secret).',
    ])
  }
})

test('without credentials the three ways are listed', async () => {
  assert.deepEqual(await problemsOf({}, NEED), [
    'SALESFORCE_*: no login. Store one with `expunge login`, name an org of the sf CLI with --target-org, or set client credentials (SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET), or JWT bearer (SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME, SALESFORCE_JWT_KEY_FILE), or a token that you already have (SALESFORCE_INSTANCE_URL, SALESFORCE_ACCESS_TOKEN).',
  ])
})

test('of an incomplete set exactly what it lacks is named, for the set that it is nearest to', async () => {
  const missing = async (...names: string[]) => {
    const env = Object.fromEntries(names.map((name) => [name, 'https://acme.my.salesforce.com']))
    return (await problemsOf(env, NEED)).map((problem) => problem.replace(/ \(.*$/, ''))
  }
  assert.deepEqual(await missing('SALESFORCE_LOGIN_URL', 'SALESFORCE_CLIENT_ID'), [
    'SALESFORCE_CLIENT_SECRET: missing for client credentials',
  ])
  assert.deepEqual(await missing('SALESFORCE_USERNAME', 'SALESFORCE_CLIENT_ID'), [
    'SALESFORCE_LOGIN_URL: missing for JWT bearer',
    'SALESFORCE_JWT_KEY_FILE: missing for JWT bearer',
  ])
  assert.deepEqual(await missing('SALESFORCE_INSTANCE_URL'), [
    'SALESFORCE_ACCESS_TOKEN: missing for a token that you already have',
  ])
})

test('what an incomplete set has wrong is told in the same breath, as is a mistyped variable', async () => {
  const problems = await problemsOf(
    {
      SALESFORCE_LOGIN_URL: 'http://acme.my.salesforce.com',
      SALESFORCE_CLIENT_ID: '3MVG9',
      SALESFORCE_CLIENT_SECERT: 'hunter2',
      EXPUNGE_FOO: '1',
    },
    NEED,
  )
  assert.deepEqual(problems, [
    'SALESFORCE_CLIENT_SECRET: missing for client credentials (SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET).',
    'SALESFORCE_LOGIN_URL: expected an https:// URL (plain http only to localhost), got http://acme.my.salesforce.com.',
    'SALESFORCE_CLIENT_SECERT: unknown; did you mean SALESFORCE_CLIENT_SECRET?',
  ])
})

test('two complete sets are refused, both by name', async () => {
  const [problem = '', ...others] = await problemsOf({ ...CLIENT_CREDENTIALS, ...TOKEN }, NEED)
  assert.equal(
    problem,
    'SALESFORCE_*: two complete sets of credentials, client credentials (SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET) and a token that you already have (SALESFORCE_INSTANCE_URL, SALESFORCE_ACCESS_TOKEN). Keep one of them.',
  )
  assert.deepEqual(others, [])
})

test('plain http is for loopback alone, and hosts that cannot work are refused with the one that can', async () => {
  const loginUrl = (url: string) => ({ ...CLIENT_CREDENTIALS, SALESFORCE_LOGIN_URL: url })
  const { credentials } = await loginOf(loginUrl('http://127.0.0.1:8443'))
  assert.equal(
    credentials?.kind === 'client-credentials' && credentials.loginUrl,
    'http://127.0.0.1:8443',
  )
  const refused = [
    ['http://acme.my.salesforce.com', /plain http only to localhost/],
    ['https://login.salesforce.com', /own host.*client credentials work nowhere else/],
    [
      'https://acme.lightning.force.com',
      /expected https:\/\/<My Domain>\.my\.salesforce\.com, got https:\/\/acme\.lightning/,
    ],
    [
      'https://acme.my.salesforce.com/services/oauth2/token',
      /my\.salesforce\.com alone, got a path/,
    ],
    ['acme', /^SALESFORCE_LOGIN_URL: expected an https:\/\/ URL/],
  ] as const
  for (const [url, message] of refused) {
    const [problem = ''] = await problemsOf(loginUrl(url), NEED)
    assert.match(problem, message)
  }
})

test('a token with a line break in it is refused', async () => {
  const env = { ...TOKEN, SALESFORCE_ACCESS_TOKEN: 'hunter2\nhunter3' }
  assert.deepEqual(await problemsOf(env, NEED), [
    'SALESFORCE_ACCESS_TOKEN: expected one line of text without spaces, got something else (not shown: it may hold a secret).',
  ])
})

test('where Salesforce is not needed, no secret is read and none is missed', async () => {
  const env = { ...CLIENT_CREDENTIALS, SALESFORCE_CLIENT_SECRET_FILE: '/nonexistent/secret' }
  const { orgs, warnings } = await loadConfig(env, { redis: 'optional', salesforce: 'none' })
  assert.equal(orgs.get('default')?.credentials, null)
  assert.deepEqual(warnings, [])
})
