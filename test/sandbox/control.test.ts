import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { csv, id, ids, setup } from './client.ts'

async function controlled(t: TestContext, options?: SandboxOptions) {
  const { sandbox, client } = await setup(t, options)
  const ask = (method: string, what: string, body?: unknown) =>
    client.fetch(`/__sandbox/${what}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { sandbox, client, ask }
}

test('stats and verdicts are read from outside', async (t) => {
  const { sandbox, client, ask } = await controlled(t)
  await client.run(csv(ids(3)))
  assert.deepEqual((await ask('GET', 'stats')).json, sandbox.referee.stats())
  assert.deepEqual((await ask('GET', `verdicts/${id(1)}`)).json, {
    id: id(1),
    verdicts: ['DELETED'],
  })
})

test('faults are added, listed, removed one by one and all together', async (t) => {
  const { client, ask } = await controlled(t)
  const script = { on: 'limits', times: 1, action: { do: 'answer', status: 500 } }
  const [added] = (await ask('POST', 'faults', script)).list
  assert.equal((await client.rest('GET', '/limits')).status, 500)
  assert.equal((await client.rest('GET', '/limits')).status, 200)
  const [listed] = (await ask('GET', 'faults')).list
  assert.deepEqual([listed?.id, listed?.seen, listed?.fired], [added?.id, 2, 1])
  assert.equal((await ask('DELETE', `faults/${added?.id}`)).status, 204)
  assert.equal((await ask('DELETE', `faults/${added?.id}`)).status, 404)
  const job = { on: 'job', action: { do: 'fail', code: 'Timeout', afterRows: 1 } }
  assert.equal((await ask('POST', 'faults', [script, job])).list.length, 2)
  const failed = await client.run(csv(ids(2)))
  assert.equal((await client.get(failed)).json.errorMessage, 'Timeout : scripted by the sandbox')
  await ask('DELETE', 'faults')
  assert.deepEqual((await ask('GET', 'faults')).list, [])
})

test('what scripts can say is said from outside, too', async (t) => {
  const { ask } = await controlled(t)
  const answer = { do: 'answer', status: 201, body: 'oauth', contentType: 'a/b', effect: true }
  const lie = { do: 'lie', status: 203, contentType: 'a/b', headers: { A: 'b' } }
  const scripts = [
    { on: 'upload', action: answer },
    { on: 'get', action: lie },
    { on: 'job', action: { do: 'fail', code: 'InternalServerError' } },
  ]
  await ask('POST', 'faults', scripts)
  const { list } = await ask('GET', 'faults')
  assert.deepEqual(JSON.parse(JSON.stringify(list.map(({ script }) => script))), scripts)
})

test('row rules are replaced', async (t) => {
  const { client, ask } = await controlled(t)
  await ask('PUT', 'rows', { rules: [{ code: 'DELETE_FAILED', ids: [id(1)] }] })
  const job = await client.run(csv(ids(2)))
  assert.equal((await client.rows(job, 'failedResults')).length, 1)
})

test('settings are changed one at a time', async (t) => {
  const { sandbox, ask } = await controlled(t)
  const before = (await ask('PATCH', 'settings', {})).json
  const after = (await ask('PATCH', 'settings', { rowsPerSecond: 500, remainingBulkApiBatches: 3 }))
    .json
  assert.deepEqual(after, { ...before, rowsPerSecond: 500, remainingBulkApiBatches: 3 })
  assert.deepEqual(sandbox.configure({}), after)
})

test('tokens are expired, and the end of all work awaited', async (t) => {
  const { client, ask } = await controlled(t)
  const job = await client.create()
  await client.upload(job, csv(ids(3)))
  await client.patch(job, 'UploadComplete')
  assert.equal((await ask('GET', 'idle')).json.rowsDeleted, 3)
  await ask('POST', 'expire-tokens')
  assert.equal((await client.get(job)).status, 401)
})

test('secrets are rotated, and tokens that were issued go on', async (t) => {
  const { sandbox, client, ask } = await controlled(t)
  assert.equal((await ask('PUT', 'credentials', { clientSecret: 'rotated' })).status, 204)
  assert.equal(sandbox.clientSecret, 'rotated')
  assert.equal((await client.rest('GET', '/limits')).status, 200)
  const logIn = (client_secret: string) =>
    client.form('/services/oauth2/token', {
      ...{ grant_type: 'client_credentials', client_id: 'sandbox-client', client_secret },
    })
  assert.equal((await logIn('sandbox-secret')).json.error, 'invalid_client')
  assert.equal((await logIn('rotated')).status, 200)
  const { json } = await ask('PUT', 'credentials', { jwtPublicKey: 'no key' })
  assert.match(json.error, /^credentials\.jwtPublicKey: expected a public key/)
})

test('faults of every kind come over the control surface', async (t) => {
  const { sandbox, ask } = await controlled(t)
  const scripts = [
    { on: 'get', object: 'Lead', action: { do: 'truncate', afterRows: 1, afterBytes: 2 } },
    { on: 'get', action: { do: 'outage', ms: 1 } },
    { on: 'get', action: { do: 'stall', when: 'during', afterBytes: 9 } },
    { on: 'upload', action: { do: 'answer', status: 401, afterBytes: 9, headers: { a: 'b' } } },
  ]
  await ask('POST', 'faults', scripts)
  // What is not given is undefined there, and absent in JSON.
  const got = JSON.parse(JSON.stringify(sandbox.faults.list().map(({ script }) => script)))
  assert.deepEqual(got, scripts)
  const wrong = { on: 'get', action: { do: 'answer', status: 1, headers: { a: 1 } } }
  assert.match((await ask('POST', 'faults', wrong)).json.error, /headers: expected an object of/)
})

test('what is wrong is refused by name, and nothing of it is added', async (t) => {
  const { ask } = await controlled(t)
  const refusal = async (method: string, what: string, body: unknown) => {
    const { status, json } = await ask(method, what, body)
    assert.equal(status, 400)
    return json.error
  }
  const good = { on: 'get', action: { do: 'stall' } }
  assert.match(await refusal('POST', 'faults', [good, { ...good, on: 'got' }]), /^fault\.on: /)
  assert.match(await refusal('POST', 'faults', { ...good, nht: 1 }), /unrecognized field "nht"/)
  assert.match(await refusal('POST', 'faults', { on: 'get', action: { do: 'x' } }), /action\.do/)
  assert.match(await refusal('POST', 'faults', { on: 'get' }), /fault\.action/)
  assert.deepEqual((await ask('GET', 'faults')).list, [])
  assert.match(await refusal('PUT', 'rows', { rules: [{ ratio: 1 }] }), /rules\[0\]\.code/)
  assert.match(await refusal('PATCH', 'settings', { rowsPerSecond: 0 }), /rowsPerSecond/)
  assert.equal((await ask('GET', 'nothing')).status, 404)
})

test('the control surface can be left out', async (t) => {
  const { ask } = await controlled(t, { control: false })
  assert.equal((await ask('GET', 'stats')).status, 401)
})
