import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ExpungeError } from '../../../src/shared/base/errors.ts'
import { askSf } from '../../../src/shared/salesforce/sf-cli.ts'
import { fakeSf, SF_HIDDEN, SF_ORG_ID, SF_TOKEN, sfDisplay, sfToken } from '../../helpers/sf.ts'

const ORG = { instanceUrl: 'https://acme.my.salesforce.com', token: SF_TOKEN, orgId: SF_ORG_ID }

/** A failure as `sf` prints it with --json. */
const failed = (name: string, message: string, actions?: readonly string[]) =>
  JSON.stringify({ status: 1, exitCode: 1, name, message, actions, warnings: [], code: name })

async function refusalOf(asked: Promise<unknown>): Promise<ExpungeError> {
  const error = await asked.then(
    () => assert.fail('expected an error'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof ExpungeError)
  assert.doesNotMatch(`${error.stack}`, /!AQ/)
  return error
}

test('a newer sf hides the token in display, and gives it by show-access-token', async (t) => {
  const { env, calls } = await fakeSf(t, {
    display: sfDisplay({ accessToken: SF_HIDDEN }),
    token: sfToken(),
  })
  assert.deepEqual(await askSf({ targetOrg: 'prod', env }), ORG)
  assert.deepEqual(await calls(), [
    'org display --target-org prod --json',
    'org auth show-access-token --target-org prod --json',
  ])
})

test('an older sf gives the token by display alone', async (t) => {
  const { env, calls } = await fakeSf(t, {
    display: sfDisplay({ accessToken: SF_TOKEN, connectedStatus: 'Connected' }),
  })
  assert.deepEqual(await askSf({ targetOrg: 'me@acme.example', env }), ORG)
  assert.deepEqual(await calls(), ['org display --target-org me@acme.example --json'])
})

test('a notice before the JSON does not matter', async (t) => {
  const notice = ' ›   Warning: @salesforce/cli update available from 2.1 to 2.2.\n'
  const display = notice + sfDisplay({ accessToken: SF_TOKEN })
  const { env } = await fakeSf(t, { display })
  assert.deepEqual(await askSf({ targetOrg: 'prod', env }), ORG)
})

test('an org that sf is not logged in to is told in its own words', async (t) => {
  const { env } = await fakeSf(t, {
    display: failed('NamedOrgNotFoundError', 'No authorization information found for nowhere.'),
    code: 1,
  })
  const error = await refusalOf(askSf({ targetOrg: 'nowhere', env }))
  assert.equal(error.code, 'NamedOrgNotFoundError')
  assert.match(
    error.message,
    /`sf org display` failed for nowhere: NamedOrgNotFoundError: No authorization information found for nowhere\. Log in with `sf org login web` or `expunge login`, and see `expunge orgs`/,
  )
})

test('neither a token nor a whole page of an error of sf gets into the message', async (t) => {
  const display = failed('Oops', `GET with Bearer ${SF_TOKEN} failed: ${'<p>'.repeat(100_000)}`, [
    `Try again with ${SF_TOKEN}.`,
  ])
  const { env } = await fakeSf(t, { display, code: 1 })
  const { message } = await refusalOf(askSf({ targetOrg: 'prod', env }))
  assert.match(
    message,
    /Oops: GET with Bearer \[token] failed: <p>.*…\. Try again with \[token]\.?$/,
  )
  assert.ok(message.length < 500, String(message.length))
})

test("sf's own advice is passed on", async (t) => {
  const display = failed('NoScratchInfo', 'No information', ['First check your Dev Hub.'])
  const { env } = await fakeSf(t, { display, code: 1 })
  const error = await refusalOf(askSf({ targetOrg: 'scratch', env }))
  assert.match(error.message, /NoScratchInfo: No information\. First check your Dev Hub\.$/)
})

test('a login that sf can no longer refresh is told before its token is used', async (t) => {
  const connectedStatus = 'RefreshTokenAuthError'
  const display = sfDisplay({ accessToken: SF_TOKEN, connectedStatus })
  const { env } = await fakeSf(t, { display })
  const error = await refusalOf(askSf({ targetOrg: 'prod', env }))
  assert.equal(error.code, 'SF_NOT_CONNECTED')
  assert.match(error.message, /RefreshTokenAuthError\. Log in again with `sf org login web`/)
})

test('without sf on the PATH the error says how to get it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-no-sf-'))
  t.after(() => rm(folder, { recursive: true }))
  const error = await refusalOf(askSf({ targetOrg: 'prod', env: { PATH: folder } }))
  assert.equal(error.code, 'SF_NOT_FOUND')
  assert.match(error.message, /^Unknown org prod: .*`expunge orgs`.*, sf, is not on the PATH/)
  assert.match(error.message, /npm install --global @salesforce\/cli.*`expunge login`/)
  await notExecutable(t, folder)
})

async function notExecutable(_: TestContext, folder: string): Promise<void> {
  await writeFile(join(folder, 'sf'), '')
  await chmod(join(folder, 'sf'), 0o600)
  const error = await refusalOf(askSf({ targetOrg: 'prod', env: { PATH: folder } }))
  assert.equal(error.code, 'SF_NOT_FOUND')
}

test('an answer of another form is refused and never quoted', async (t) => {
  for (const display of [
    '',
    'Segmentation fault',
    `{"status":0,"result":{"accessToken":"${SF_TOKEN}"`,
    JSON.stringify({ status: 0, result: { accessToken: SF_TOKEN } }),
    JSON.stringify([SF_TOKEN]),
  ]) {
    const { env } = await fakeSf(t, { display })
    const error = await refusalOf(askSf({ targetOrg: 'prod', env }))
    assert.equal(error.code, 'SF_ANSWER', display)
  }
  const { env } = await fakeSf(t, {
    display: sfDisplay({ accessToken: SF_HIDDEN }),
    token: sfToken('two words'),
  })
  assert.equal((await refusalOf(askSf({ targetOrg: 'prod', env }))).code, 'SF_ANSWER')
})

test('an sf that hangs is ended', async (t) => {
  const { env, folder } = await fakeSf(t, { display: '', hangs: true })
  const error = await refusalOf(askSf({ targetOrg: 'prod', env, timeoutMs: 500 }))
  assert.equal(error.code, 'SF_TIMEOUT')
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'))
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('sf is given none of our secrets', async (t) => {
  const { env, folder } = await fakeSf(t, { display: sfDisplay({ accessToken: SF_TOKEN }) })
  const secrets = { SALESFORCE_CLIENT_SECRET: 'hunter2', REDIS_URL: 'redis://:hunter2@r' }
  await askSf({ targetOrg: 'prod', env: { ...env, ...secrets } })
  assert.doesNotMatch(await readFile(join(folder, 'env'), 'utf8'), /hunter2/)
})
