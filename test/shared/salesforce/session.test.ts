import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SalesforceError, WrongOrgError } from '../../../src/shared/salesforce/errors.ts'
import { type Access, createSession } from '../../../src/shared/salesforce/session.ts'
import { stillClock } from './fake-salesforce.ts'

function counted() {
  const logins: (Access | undefined)[] = []
  const session = createSession(async (refused) => {
    logins.push(refused)
    // The same text each time, as Salesforce may do while a session lives.
    return { instanceUrl: new URL('https://acme.my.salesforce.com'), token: 'same' }
  }, stillClock().clock)
  return { logins, session }
}

test('callers at the start share one login', async () => {
  const { logins, session } = counted()
  const all = await Promise.all(Array.from({ length: 20 }, () => session.access()))
  assert.equal(new Set(all).size, 1)
  assert.deepEqual(logins, [undefined])
})

test('callers that were refused at once share one renewal', async () => {
  const { logins, session } = counted()
  const old = await session.access()
  const all = await Promise.all(Array.from({ length: 20 }, () => session.renew(old)))
  assert.equal(new Set(all).size, 1)
  assert.deepEqual(logins, [undefined, old])
})

test('a caller refused with an old access gets the newer one without a login', async () => {
  const { logins, session } = counted()
  const old = await session.access()
  const newer = await session.renew(old)
  assert.equal(await session.renew(old), newer)
  assert.equal(logins.length, 2)
})

test('a login that fails is tried again by the next caller', async () => {
  let tries = 0
  const session = createSession(async () => {
    tries += 1
    if (tries === 1) throw new Error('refused')
    return { instanceUrl: new URL('https://acme.my.salesforce.com'), token: 'x' }
  }, stillClock().clock)
  await assert.rejects(session.access(), /refused/)
  assert.equal((await session.access()).token, 'x')
})

test('a caller that gives up leaves the login to the others', async () => {
  const gate = Promise.withResolvers<Access>()
  const session = createSession(() => gate.promise, stillClock().clock)
  const stop = new AbortController()
  const leaver = session.access(stop.signal)
  const stayer = session.access()
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(leaver, reason)
  gate.resolve({ instanceUrl: new URL('https://acme.my.salesforce.com'), token: 'x' })
  assert.equal((await stayer).token, 'x')
})

/** A session whose time is told, with an access to begin with. */
async function timed(login?: () => Promise<Access>) {
  let now = 0
  const logins: (Access | undefined)[] = []
  const instanceUrl = new URL('https://acme.my.salesforce.com')
  const session = createSession(
    async (refused) => {
      logins.push(refused)
      if (logins.length > 1 && login) return login()
      return { instanceUrl, token: `token ${logins.length}` }
    },
    { now: () => now, sleep: async () => {} },
  )
  const pass = (ms: number) => {
    now += ms
  }
  return { session, logins, pass, old: await session.access() }
}

test('a host is doubted three times in a row before there is a new login, then once a minute', async () => {
  const { session, logins, pass, old } = await timed()
  const doubt = (access: Access) => session.doubt(access)
  assert.deepEqual([await doubt(old), await doubt(old)], [null, null])
  // The API has answered in between: nothing is wrong with the host.
  session.confirm(old)
  assert.deepEqual([await doubt(old), await doubt(old)], [null, null])
  const second = await doubt(old)
  assert.equal(second?.token, 'token 2')
  assert.equal(await doubt(old), second)
  assert.equal(logins.length, 2)
  for (let k = 0; k < 50; k++) assert.equal(await doubt(second ?? old), null)
  pass(60_000)
  assert.equal((await doubt(second ?? old))?.token, 'token 3')
  assert.equal(logins.length, 3)
})

test('a hundred jobs that doubt at once cost one login', async () => {
  const { session, logins, old } = await timed()
  const all = await Promise.all(Array.from({ length: 100 }, () => session.doubt(old)))
  assert.equal(logins.length, 2)
  const [first, second, ...rest] = all
  assert.deepEqual([first, second], [null, null])
  assert.equal(new Set(rest).size, 1)
})

test('a doubt whose login meets the outage too is no news; a refused login is', async () => {
  const failing =
    (fault: Partial<ConstructorParameters<typeof SalesforceError>[0]>) => async () => {
      const none = { code: 'X', operation: 'token', retryAfterMs: null } as const
      const rest = { kind: 'org-fault', httpStatus: 503, transient: true, ...none } as const
      throw new SalesforceError({ ...rest, ...fault }, 'no')
    }
  for (const [fault, isNews] of [
    [{}, false],
    [{ code: 'CERT_HAS_EXPIRED', httpStatus: null, transient: false }, false],
    [{ code: 'INVALID_SESSION_ID', httpStatus: 401, transient: false }, false],
    [{ code: 'invalid_client', httpStatus: 401, transient: false }, true],
    [{ code: 'ORG_AMBIGUOUS', httpStatus: 200, transient: false }, true],
  ] as const) {
    const { session, old } = await timed(failing(fault))
    await session.doubt(old)
    await session.doubt(old)
    if (isNews) await assert.rejects(session.doubt(old), { code: fault.code })
    else assert.equal(await session.doubt(old), null)
    assert.equal(await session.access(), old)
  }
  const { session, old } = await timed(async () => {
    throw new WrongOrgError('00D1', '00D2')
  })
  await session.doubt(old)
  await session.doubt(old)
  await assert.rejects(session.doubt(old), WrongOrgError)
})

test('a token that is refused as soon as it is given is not asked for again within ten seconds', async () => {
  const { session, logins, pass, old } = await timed()
  const second = await session.renew(old)
  assert.ok(second)
  for (let k = 0; k < 50; k++) assert.equal(await session.renew(second), null)
  assert.equal(logins.length, 2)
  pass(10_000)
  const third = await session.renew(second)
  assert.equal(third?.token, 'token 3')
  // Once the API has taken it, its end is that of any other session.
  session.confirm(third)
  assert.equal((await session.renew(third))?.token, 'token 4')
})
