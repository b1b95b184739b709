import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Access, createSession } from '../../../src/shared/salesforce/session.ts'

function counted() {
  const logins: (Access | undefined)[] = []
  const session = createSession(async (refused) => {
    logins.push(refused)
    // The same text each time, as Salesforce may do while a session lives.
    return { instanceUrl: new URL('https://acme.my.salesforce.com'), token: 'same' }
  })
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
  })
  await assert.rejects(session.access(), /refused/)
  assert.equal((await session.access()).token, 'x')
})

test('a caller that gives up leaves the login to the others', async () => {
  const gate = Promise.withResolvers<Access>()
  const session = createSession(() => gate.promise)
  const stop = new AbortController()
  const leaver = session.access(stop.signal)
  const stayer = session.access()
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(leaver, reason)
  gate.resolve({ instanceUrl: new URL('https://acme.my.salesforce.com'), token: 'x' })
  assert.equal((await stayer).token, 'x')
})
