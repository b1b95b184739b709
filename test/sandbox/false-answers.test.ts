import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { csv, id, ids, setup } from './client.ts'

/** Answers that are well-formed and false. */

describe('a lie', () => {
  test('sets and leaves out fields of the answer, while the call takes effect', async (t) => {
    const { sandbox, client } = await setup(t)
    const job = await client.create()
    await client.upload(job, csv(ids(3)))
    sandbox.faults.add({
      ...{ on: 'close', times: 1 },
      action: { do: 'lie', set: { state: 'Open', object: 'Lead' }, omit: ['operation'] },
    })
    const { status, text } = await client.patch(job, 'UploadComplete')
    const json = JSON.parse(text)
    assert.equal(status, 200)
    assert.deepEqual([json.state, json.object, json.operation], ['Open', 'Lead', undefined])
    assert.equal(json.id, job)
    await sandbox.idle()
    assert.equal((await client.get(job)).json.state, 'JobComplete')
  })

  test('describes another job, its state and its results', async (t) => {
    const { sandbox, client } = await setup(t)
    const [one, other] = [await client.run(csv(ids(3))), await client.create()]
    sandbox.faults.add({ on: '*', job: other, action: { do: 'lie', job: one } })
    const { json } = await client.get(other)
    assert.deepEqual([json.id, json.state], [one, 'JobComplete'])
    assert.match((await client.rest('GET', `/jobs/ingest/${other}/successfulResults`)).text, /003/)
    // An abort takes effect, and its answer describes the other.
    assert.equal((await client.patch(other, 'Aborted')).json.id, one)
    sandbox.faults.clear()
    assert.equal((await client.get(other)).json.state, 'Aborted')
  })

  test('changes rows and header of a result file, or gives another file', async (t) => {
    const { sandbox, client } = await setup(t, {
      shuffleResults: false,
      rows: { rules: [{ code: 'DELETE_FAILED', ids: [id(0)] }] },
    })
    const job = await client.run(csv(ids(4)))
    const file = async () =>
      (await client.rest('GET', `/jobs/ingest/${job}/successfulResults`)).text.trim().split('\n')
    const [header, ...rows] = await file()
    const during = async (action: object) => {
      const script = { on: 'successfulResults', action: { do: 'lie', ...action } }
      const body = JSON.stringify(script)
      assert.equal((await client.fetch('/__sandbox/faults', { method: 'POST', body })).status, 200)
      const told = await file()
      sandbox.faults.clear()
      return told
    }
    assert.deepEqual(await during({ dropRows: 2, addRows: ['"x"'] }), [header, rows[2], '"x"'])
    assert.deepEqual(await during({ header: 'A,B' }), ['A,B', ...rows])
    assert.deepEqual(await during({ dropRows: 9 }), [header])
    assert.match((await during({ file: 'failedResults' })).join(), /sf__Error.*DELETE_FAILED/)
  })
})

test('an answer of the call itself has another status, content type and header', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  const label = { status: 203, contentType: 'text/plain', headers: { 'X-Proxy': 'corner' } }
  sandbox.faults.add({ on: 'get', times: 1, action: { do: 'lie', ...label } })
  const { status, headers, text } = await client.get(job)
  assert.deepEqual(
    [status, headers.get('content-type'), headers.get('x-proxy'), JSON.parse(text).id],
    [203, 'text/plain', 'corner', job],
  )
})

test('after a lie about an object, its ids may be sent again', async (t) => {
  const { sandbox, client } = await setup(t)
  sandbox.faults.add({ on: 'get', times: 1, action: { do: 'lie', omit: ['state'] } })
  for (const tells of ['get', 'nothing']) {
    const job = await client.run(csv(ids(2)))
    if (tells === 'get') assert.equal((await client.get(job)).json.state, undefined)
  }
  assert.deepEqual(sandbox.referee.stats().violationCounts, {})
})
