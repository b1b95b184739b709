import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { fakeSf, SF_ORG_ID } from '../helpers/sf.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

/** The user has exported nothing. */
const NOTHING = {
  ...{ SALESFORCE_LOGIN_URL: '', SALESFORCE_CLIENT_ID: '', SALESFORCE_CLIENT_SECRET: '' },
}

test('a login by script is stored for its owner alone, and a run, doctor and orgs find it', {
  skip,
}, async (t) => {
  const { expunge, sandbox, env } = await place(t, { isSandbox: true })
  const { url, clientId, clientSecret, orgId } = sandbox
  const login = ['login', '--org', 'prod', '--login-url', url, '--client-id', clientId]
  const stored = await expunge([...login, '--client-secret-file', '-'], {
    env: NOTHING,
    input: `${clientSecret}\n`,
  })
  assert.equal(stored.code, 0, stored.stderr)
  assert.match(stored.stderr, new RegExp(`Org prod: .* ${orgId}, sandbox, at 127`))
  assert.doesNotMatch(stored.stdout + stored.stderr, new RegExp(clientSecret))
  const folder = join(env['EXPUNGE_HOME'] ?? '', 'logins')
  assert.deepEqual(await readdir(folder), ['prod.json'])
  const modes = [folder, join(folder, 'prod.json')].map(async (path) => (await stat(path)).mode)
  assert.deepEqual(
    (await Promise.all(modes)).map((mode) => mode & 0o777),
    [0o700, 0o600],
  )

  await t.test('a run', async () => {
    const ids = ['run', '--object', 'Contact', '--ids', contactIds(1).join(), '--yes', '--json']
    const { code, stdout, stderr } = await expunge(ids, { env: NOTHING })
    assert.equal(code, 0, stderr)
    assert.equal(JSON.parse(stdout).org, 'prod')
  })

  await t.test('orgs', async () => {
    const sf = await fakeSf(t, {
      display: '',
      list: [{ alias: 'uat', username: 'me@acme.example' }],
    })
    const { stdout } = await expunge(['orgs'], { env: { ...NOTHING, ...sf.env } })
    assert.match(stdout, new RegExp(`^ *prod +expunge login +${orgId} +sandbox +integration@`, 'm'))
    assert.match(stdout, new RegExp(`^ *uat +sf CLI +${SF_ORG_ID} +- +me@acme.example`, 'm'))
    assert.doesNotMatch(stdout, new RegExp(clientSecret))
  })

  await t.test(
    'the environment comes first, a file that others may read is warned of',
    async () => {
      await chmod(join(folder, 'prod.json'), 0o644)
      const seen = await expunge(['doctor', '--json'], { env: NOTHING })
      assert.match(seen.stdout, /other users of this machine may read .*prod\.json: chmod 600 it/)
      await writeFile(join(folder, 'default.json'), '{')
      const { code, stdout } = await expunge(['orgs', '--json'])
      assert.equal(code, 0)
      const [first] = JSON.parse(stdout)
      assert.deepEqual([first.org, first.login], ['default', 'environment'])
      const broken = await expunge(['doctor'], { env: NOTHING })
      assert.match(
        broken.stdout,
        /default\.json: the stored login is not JSON.*expunge login --org/,
      )
    },
  )

  await t.test('logout removes it', async () => {
    for (const org of ['prod', 'default']) {
      assert.equal((await expunge(['logout', '--org', org], { env: NOTHING })).code, 0)
    }
    const again = await expunge(['logout', '--org', 'prod'], { env: NOTHING })
    assert.equal(again.code, 2)
    assert.match(again.stderr, /No login is stored for org "prod"\. There is none\./)
  })
})

test('on a terminal every part is asked for, and the secret is not shown', { skip }, async (t) => {
  const { begin, sandbox, env } = await place(t)
  const login = begin(['login'], { env: NOTHING, onTerminal: true })
  for (const [question, answer] of [
    [/Login URL, .*: /, sandbox.url],
    [/Log in by \(1\) .*: /, '1'],
    [/Consumer key .*: /, sandbox.clientId],
    [/Consumer secret \(not shown\): /, sandbox.clientSecret],
  ] as const) {
    await login.saw(question)
    login.type(`${answer}\r`)
  }
  const { code, stdout } = await login.ended
  assert.equal(code, 0, stdout)
  assert.match(stdout, /Org .*default.*PRODUCTION/)
  assert.doesNotMatch(stdout, new RegExp(sandbox.clientSecret))
  assert.ok(existsSync(join(env['EXPUNGE_HOME'] ?? '', 'logins', 'default.json')))
})

test('a JWT login stores where the key is, and not the key', { skip }, async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const { expunge, folder, sandbox, env } = await place(t)
  await writeFile(join(folder, 'key.pem'), pem)
  const args = ['login', '--login-url', sandbox.url, '--client-id', sandbox.clientId]
  const jwt = [...args, '--username', 'integration@sandbox.example', '--jwt-key-file', 'key.pem']
  const { code, stderr } = await expunge(jwt, { env: NOTHING })
  assert.equal(code, 0, stderr)
  const stored = await readFile(join(env['EXPUNGE_HOME'] ?? '', 'logins', 'default.json'), 'utf8')
  assert.equal(JSON.parse(stored).salesforce.jwtKeyFile, join(folder, 'key.pem'))
  assert.doesNotMatch(stored, /PRIVATE KEY/)
})

test('what Salesforce refuses, and what is missing or wrong, is told and never stored', async (t) => {
  const { expunge, sandbox, env } = await place(t)
  const { url, clientId } = sandbox
  const all = ['login', '--login-url', url, '--client-id', clientId, '--client-secret-file', '-']
  for (const [args, input, words] of [
    [
      all,
      'hunter2',
      /invalid_client.*Check the consumer key and the client secret\. .*`expunge login`/,
    ],
    [
      [...all, '--login-url', 'https://127.0.0.1:1'],
      'x',
      /^expunge: No answer from .* at https:\/\/127\.0\.0\.1:1 .*Gave up after 4 attempts in \d+\.\d s\.$/m,
    ],
    [all, '', /--client-secret: (holds nothing|missing)/],
    [['login'], '', /--login-url is missing, and there is no terminal/],
    [['login', '--login-url', url, '--client-id', 'c'], '', /--client-secret-file is missing/],
    [[...all, '--login-url', 'http://acme.example'], 'x', /--login-url: expected an https/],
    [[...all, '--org', '../x'], 'x', /--org: expected 1 to 64 letters/],
    [[...all.slice(0, -1), 'nowhere'], '', /nowhere cannot be read \(ENOENT\)/],
  ] as const) {
    const { code, stderr } = await expunge(args, { env: NOTHING, input })
    assert.equal(code, 2, stderr)
    assert.match(stderr, words)
    assert.doesNotMatch(stderr, /hunter2/)
  }
  assert.equal(existsSync(join(env['EXPUNGE_HOME'] ?? '', 'logins')), false)
})
