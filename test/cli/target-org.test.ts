import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { fakeSf, SF_HIDDEN, sfDisplay, sfToken } from '../helpers/sf.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

const NO_LOGIN = {
  ...{ SALESFORCE_LOGIN_URL: '', SALESFORCE_CLIENT_ID: '', SALESFORCE_CLIENT_SECRET: '' },
}

const RUN = ['run', '--object', 'Contact', '--ids', contactIds(3).join(), '--yes', '--json']

/** What `sf` says of the sandbox, and a token of it. */
async function toldBySf({ url, clientId, clientSecret, orgId }: Sandbox) {
  const body = new URLSearchParams({
    ...{ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
  })
  const answer = await fetch(`${url}/services/oauth2/token`, { method: 'POST', body })
  const { access_token } = (await answer.json()) as { access_token: string }
  const display = sfDisplay({ id: orgId, instanceUrl: url, accessToken: SF_HIDDEN })
  return { display, token: sfToken(access_token), secret: access_token }
}

test('a run logs in as sf is, and asks sf again once its token has expired', {
  skip,
}, async (t) => {
  const { expunge, sandbox } = await place(t)
  const first = await toldBySf(sandbox)
  const sf = await fakeSf(t, first)
  const env = { ...NO_LOGIN, ...sf.env }
  sandbox.faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  const run = expunge([...RUN, '-o', 'prod', '--id', 'one'], { env })
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  sandbox.expireTokens()
  await sf.answer('token', (await toldBySf(sandbox)).token)
  sandbox.faults.clear()
  const { code, stdout, stderr } = await run
  assert.equal(code, 0, stderr)
  const { org, orgId, outcome } = JSON.parse(stdout)
  assert.deepEqual([org, orgId, outcome.deleted], ['prod', sandbox.orgId, 3])
  assert.doesNotMatch(stdout + stderr, new RegExp(first.secret.slice(16, 40)))

  const status = await expunge(['status', 'one', '--target-org', 'prod'], { env })
  assert.match(status.stdout, /completed/, status.stderr)
})

test('a username of sf is an org too, and its name is one that a folder can have', {
  skip,
}, async (t) => {
  const { expunge, sandbox } = await place(t)
  const sf = await fakeSf(t, await toldBySf(sandbox))
  const env = { ...NO_LOGIN, ...sf.env }
  const { code, stdout, stderr } = await expunge([...RUN, '-o', 'me@acme.example'], { env })
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).org, 'me_acme_example')
})

test('an org of the configuration comes before one of sf', { skip }, async (t) => {
  const { expunge } = await place(t)
  const sf = await fakeSf(t, { display: 'never asked' })
  const { code, stderr } = await expunge([...RUN, '-o', 'default'], { env: sf.env })
  assert.equal(code, 0, stderr)
  await assert.rejects(sf.calls(), { code: 'ENOENT' })
})

test('a token that sf cannot refresh and an org that it does not know end with 2 and what to do', {
  skip,
}, async (t) => {
  const { expunge, sandbox } = await place(t)
  const sf = await fakeSf(t, await toldBySf(sandbox))
  sandbox.expireTokens()
  const stale = await expunge([...RUN, '-o', 'prod'], { env: { ...NO_LOGIN, ...sf.env } })
  assert.equal(stale.code, 2)
  assert.match(stale.stderr, /access token of prod, and sf could not refresh it\. Log in again/)

  const unknown = JSON.stringify({
    ...{ status: 1, name: 'NamedOrgNotFoundError' },
    message: 'No authorization information found for nowhere.',
  })
  await sf.answer('display', unknown)
  const nowhere = await expunge([...RUN, '-o', 'nowhere'], { env: { ...NO_LOGIN, ...sf.env } })
  assert.equal(nowhere.code, 2)
  assert.match(
    nowhere.stderr,
    /sf org display` failed for nowhere: NamedOrgNotFoundError.*`expunge orgs`/,
  )

  const strange = await expunge([...RUN, '-o', 'a b; rm'], { env: { ...NO_LOGIN, ...sf.env } })
  assert.equal(strange.code, 2)
  assert.match(strange.stderr, /expected an alias or username of the sf CLI/)
})
