import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import type { SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { csv, id, ids, setup } from './client.ts'

test('a scripted answer comes at the nth call, without effect', async (t) => {
  const { sandbox, client } = await setup(t)
  const fault = sandbox.faults.add({
    on: 'create',
    nth: 2,
    action: { do: 'answer', status: 503, errorCode: 'SERVER_UNAVAILABLE', message: 'busy' },
  })
  const statuses: number[] = []
  for (let n = 0; n < 3; n++) {
    const job = { object: 'Contact', operation: 'delete' }
    statuses.push((await client.rest('POST', '/jobs/ingest', job)).status)
  }
  assert.deepEqual(statuses, [200, 503, 200])
  assert.deepEqual([fault.seen, fault.fired], [3, 1])
  assert.equal(sandbox.referee.stats().jobs.length, 2)
  assert.deepEqual(sandbox.referee.stats().calls['create'], {
    received: 3,
    answered: { 200: 2, 503: 1 },
  })
})

test('with effect the call is carried out behind the scripted answer', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  await client.upload(job, csv(ids(2)))
  sandbox.faults.add({
    on: 'close',
    action: { do: 'answer', status: 500, body: 'html', effect: true },
  })
  const { status, text } = await client.patch(job, 'UploadComplete')
  assert.equal(status, 500)
  assert.match(text, /^<html>/)
  await sandbox.idle()
  assert.equal((await client.get(job)).json.state, 'JobComplete')
})

test('bodies are JSON, HTML, empty or any text', async (t) => {
  const { client } = await setup(t, {
    faults: [
      { on: 'limits', nth: 1, action: { do: 'answer', status: 502, body: 'empty' } },
      { on: 'limits', nth: [2], action: { do: 'answer', status: 204, body: 'empty' } },
      { on: '*', nth: 4, action: { do: 'answer', status: 200, text: 'x', contentType: 'a/b' } },
    ],
  })
  const first = await client.rest('GET', '/limits')
  assert.deepEqual([first.status, first.text], [502, ''])
  assert.equal((await client.rest('GET', '/limits')).status, 204)
  // The token call was the first of all.
  const third = await client.rest('GET', '/limits')
  assert.deepEqual([third.text, third.headers.get('content-type')], ['x', 'a/b'])
  assert.equal((await client.rest('GET', '/limits')).status, 200)
})

test('an error of the token endpoint is one object', async (t) => {
  const { sandbox, client } = await setup(t)
  const error = { errorCode: 'invalid_grant', message: 'ip restricted' }
  const action = { do: 'answer', status: 400, body: 'oauth', ...error } as const
  sandbox.faults.add({ on: 'token', action })
  const { status, json } = await client.form('/services/oauth2/token', {})
  assert.equal(status, 400)
  assert.deepEqual(json, { error: 'invalid_grant', error_description: 'ip restricted' })
})

test('an empty answer has the content type it is told', async (t) => {
  const { sandbox, client } = await setup(t)
  const type = 'text/html; charset=utf-8'
  const answer = { do: 'answer', status: 201, body: 'empty', contentType: type } as const
  sandbox.faults.add({ on: 'upload', times: 1, action: { ...answer, effect: true } })
  const job = await client.create()
  const { status, text, headers } = await client.upload(job, csv(ids(2)))
  assert.deepEqual([status, text, headers.get('content-type')], [201, '', type])
  assert.match((await client.upload(job, csv(ids(2)))).refusal.message, /^Found multiple/)
})

test('redirects, statuses without a name and waits of a day are answered', async (t) => {
  const { sandbox } = await setup(t)
  const answers = [
    [301, 'location', 'http://127.0.0.1:9/'],
    [420, 'x-edge', 'no route'],
    [503, 'retry-after', '86400'],
  ] as const
  for (const [status, name, value] of answers) {
    const action = { do: 'answer', status, body: 'html', headers: { [name]: value } } as const
    sandbox.faults.add({ on: 'versions', times: 1, action })
    const answer = await fetch(`${sandbox.url}/services/data/`, { redirect: 'manual' })
    assert.deepEqual([answer.status, answer.headers.get(name)], [status, value])
    assert.match(await answer.text(), /^<html>/)
  }
})

test('a job fails with any code, and with the text that orgs give it', async (t) => {
  const { sandbox, client } = await setup(t)
  const errorOf = async (fault: { code: string; message?: string }) => {
    sandbox.faults.clear()
    sandbox.faults.add({ on: 'job', action: { do: 'fail', ...fault } })
    return (await client.get(await client.run(csv(ids(1))))).json.errorMessage
  }
  assert.equal(
    await errorOf({ code: 'InternalServerError' }),
    'InternalServerError : Retried more than 20 times',
  )
  assert.match(await errorOf({ code: 'InvalidBatch' }), /^InvalidBatch : InvalidBatch : Field name/)
  assert.equal(await errorOf({ code: 'Novel', message: 'so far unseen' }), 'Novel : so far unseen')
})

test('a reset before an upload leaves nothing, one after it leaves the content', async (t) => {
  const { sandbox, client } = await setup(t)
  sandbox.faults.add({ on: 'upload', nth: 1, action: { do: 'reset', when: 'before' } })
  sandbox.faults.add({
    on: 'upload',
    nth: 2,
    action: { do: 'reset', when: 'during', afterBytes: 5 },
  })
  sandbox.faults.add({ on: 'upload', nth: 3, action: { do: 'reset', when: 'after' } })
  const job = await client.create()
  for (let n = 0; n < 3; n++) await assert.rejects(client.upload(job, csv(ids(2))), TypeError)
  const { refusal } = await client.upload(job, csv(ids(2)))
  assert.match(refusal.message, /^Found multiple contents/)
  const stats = sandbox.referee.stats()
  assert.deepEqual(stats.calls['upload'], { received: 4, answered: { reset: 3, 400: 1 } })
  assert.equal(stats.rowsReceived, 2)
})

test('a result file breaks off in the middle', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.run(csv(ids(1_000)))
  const action = { do: 'reset', when: 'during', afterBytes: 10_000 } as const
  sandbox.faults.add({ on: 'successfulResults', times: 1, action })
  const headers = { Authorization: `Bearer ${client.token}` }
  const url = `${sandbox.url}/services/data/v61.0/jobs/ingest/${job}/successfulResults`
  const response = await fetch(url, { headers })
  let bytes = 0
  await assert.rejects(async () => {
    for await (const chunk of response.body ?? []) bytes += chunk.length
  })
  assert.equal(bytes, 10_000)
  assert.equal((await client.rows(job, 'successfulResults')).length, 1_000)
})

test('a stalled call waits until the client gives up', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  sandbox.faults.add({ on: 'get', times: 1, action: { do: 'stall' } })
  const path = `${sandbox.url}/services/data/v61.0/jobs/ingest/${job}`
  const headers = { authorization: `Bearer ${client.token}` }
  const call = httpRequest(path, { headers }).on('error', () => {})
  call.end()
  await sandbox.referee.until(({ calls }) => calls['get']?.received === 1)
  call.destroy()
  const { calls } = await sandbox.referee.until(
    ({ calls }) => calls['get']?.answered['reset'] === 1,
  )
  assert.deepEqual(calls['get'], { received: 1, answered: { reset: 1 } })
  assert.equal((await client.get(job)).status, 200)
})

test('a stall with an end only delays', async (t) => {
  const { client } = await setup(t, {
    faults: [{ on: 'limits', action: { do: 'stall', ms: 1, when: 'after' } }],
  })
  assert.equal((await client.rest('GET', '/limits')).status, 200)
})

test('tokens expire in the middle of a job', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  sandbox.faults.add({ on: 'get', nth: 2, action: { do: 'expireTokens' } })
  assert.equal((await client.get(job)).status, 200)
  assert.equal((await client.get(job)).status, 401)
  assert.equal((await client.get(job)).status, 401)
  await client.login()
  assert.equal((await client.get(job)).status, 200)
})

test('a fault about one job leaves the others alone', async (t) => {
  const { sandbox, client } = await setup(t)
  const [one, other] = [await client.create(), await client.create()]
  sandbox.faults.add({ on: 'get', job: one.slice(0, 15), action: { do: 'answer', status: 500 } })
  assert.deepEqual([(await client.get(one)).status, (await client.get(other)).status], [500, 200])
  sandbox.faults.clear()
  assert.equal((await client.get(one)).status, 200)
})

test('a fault about one object leaves the others alone, from the create on', async (t) => {
  const { sandbox, client } = await setup(t)
  const action = { do: 'answer', status: 500 } as const
  sandbox.faults.add({ on: 'create', times: 1, object: 'Lead', action })
  sandbox.faults.add({ on: 'get', object: 'Lead', action })
  sandbox.faults.add({ on: 'job', object: 'Lead', action: { do: 'fail', code: 'Unknown' } })
  const contact = await client.run(csv(ids(1)))
  assert.equal((await client.get(contact)).json.state, 'JobComplete')
  const job = { object: 'Lead', operation: 'delete' }
  assert.equal((await client.rest('POST', '/jobs/ingest', job)).status, 500)
  const lead = await client.run(csv([id(1, '00Q')]), { object: 'Lead' })
  assert.equal((await client.get(lead)).status, 500)
  assert.equal(sandbox.referee.stats().jobs[1]?.state, 'Failed')
})

test('a scripted answer has the headers it is told', async (t) => {
  const { client } = await setup(t, {
    faults: [
      { on: 'limits', action: { do: 'answer', status: 429, headers: { 'Retry-After': '7' } } },
    ],
  })
  const { status, headers } = await client.rest('GET', '/limits')
  assert.deepEqual([status, headers.get('retry-after')], [429, '7'])
})

test('an upload is refused in its middle, and nothing of it is kept', async (t) => {
  const { sandbox, client } = await setup(t)
  const action = { do: 'answer', status: 401, afterBytes: 30 } as const
  sandbox.faults.add({ on: 'upload', times: 1, action })
  const job = await client.create()
  const { status, headers } = await client.upload(job, csv(ids(3)))
  assert.deepEqual([status, headers.get('connection')], [401, 'close'])
  assert.equal((await client.upload(job, csv(ids(3)))).status, 201)
})

test('a result file ends after so many rows and bytes, as if it were whole', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.run(csv(ids(5)))
  const whole = (await client.get(job, '/successfulResults')).text
  const endOf = (rows: number) => whole.split('\n', rows + 1).join('\n').length + 1
  for (const [action, length] of [
    [{}, 0],
    [{ afterBytes: 3 }, 3],
    [{ afterRows: 0 }, endOf(0)],
    [{ afterRows: 2 }, endOf(2)],
    [{ afterRows: 2, afterBytes: 5 }, endOf(2) + 5],
    [{ afterRows: 9 }, whole.length],
  ] as const) {
    sandbox.faults.add({
      on: 'successfulResults',
      times: 1,
      action: { do: 'truncate', ...action },
    })
    const { status, text } = await client.get(job, '/successfulResults')
    assert.deepEqual([status, text], [200, whole.slice(0, length)])
  }
})

test('an answer stalls in its middle, for a while or until the client gives up', async (t) => {
  const { sandbox, client } = await setup(t)
  const stall = { do: 'stall', when: 'during', afterBytes: 5 } as const
  sandbox.faults.add({ on: 'limits', nth: 1, action: { ...stall, ms: 1 } })
  sandbox.faults.add({ on: 'limits', nth: 2, action: stall })
  const whole = await client.rest('GET', '/limits')
  assert.notEqual(whole.json.DailyApiRequests, undefined)
  const answer = await fetch(`${sandbox.url}/services/data/v61.0/limits`, {
    headers: { Authorization: `Bearer ${client.token}` },
  })
  const reader = answer.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  assert.equal(value?.length, 5)
  await reader?.cancel()
})

test('in an outage nobody listens, and all is as it was afterwards', async (t) => {
  const { sandbox, client } = await setup(t)
  const job = await client.create()
  sandbox.faults.add({ on: 'get', times: 1, action: { do: 'outage', ms: 30 } })
  await assert.rejects(client.get(job), TypeError)
  await assert.rejects(client.get(job), TypeError)
  let state: string | undefined
  while (state === undefined) {
    state = await client.get(job).then(
      ({ json }) => json.state,
      () => undefined,
    )
  }
  assert.equal(state, 'Open')
  assert.deepEqual(sandbox.referee.stats().calls['get'], {
    received: 2,
    answered: { reset: 1, 200: 1 },
  })
})

test('a sandbox that is closed in an outage stays closed', async (t) => {
  const { sandbox, client } = await setup(t)
  sandbox.faults.add({ on: 'limits', action: { do: 'outage', ms: 20 } })
  await assert.rejects(client.rest('GET', '/limits'), TypeError)
  await sandbox.close()
  await new Promise((resolve) => setTimeout(resolve, 40))
  await assert.rejects(client.rest('GET', '/limits'), TypeError)
})

const failing: SandboxOptions = {
  faults: [
    {
      on: 'job',
      nth: 1,
      action: { do: 'fail', code: 'TooManyLockFailure', message: 'too many', afterRows: 250 },
    },
  ],
}

test('a job fails after a part of its rows, the next one does not', async (t) => {
  const { client } = await setup(t, failing)
  const job = await client.run(csv(ids(1_000)))
  const { json } = await client.get(job)
  assert.deepEqual(
    [json.state, json.errorMessage, json.numberRecordsProcessed],
    ['Failed', 'TooManyLockFailure : too many', 250],
  )
  assert.equal((await client.rows(job, 'successfulResults')).length, 250)
  const rest = (await client.rows(job, 'unprocessedrecords')).map(([value]) => value ?? '')
  assert.equal(rest.length, 750)
  const next = await client.run(csv(rest))
  assert.equal((await client.get(next)).json.state, 'JobComplete')
})

test('rows that a failed job did not process are rightly sent again', async (t) => {
  const { sandbox, client } = await setup(t, failing)
  const job = await client.run(csv(ids(300)))
  await client.run(
    csv((await client.rows(job, 'unprocessedrecords')).map(([value]) => value ?? '')),
  )
  const { rowsSentAgain, rowsDeleted, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([rowsSentAgain, rowsDeleted, violationCounts], [50, 300, {}])
})

test('a job is held InProgress, and goes on by itself', async (t) => {
  const { sandbox, client } = await setup(t, {
    faults: [{ on: 'job', action: { do: 'hold', ms: 30, afterRows: 5 } }],
  })
  const job = await client.create()
  await client.upload(job, csv(ids(10)))
  await client.patch(job, 'UploadComplete')
  const { jobs } = await sandbox.referee.until(({ jobs }) => jobs[0]?.processed === 5)
  assert.equal(jobs[0]?.state, 'InProgress')
  await sandbox.idle()
  assert.equal((await client.get(job)).json.numberRecordsProcessed, 10)
})

test('a held job goes on once its script is removed, or all are', async (t) => {
  const { sandbox, client } = await setup(t)
  for (const release of [(id: string) => sandbox.faults.remove(id), () => sandbox.faults.clear()]) {
    const held = sandbox.faults.add({ on: 'job', action: { do: 'hold', ms: 600_000 } })
    const job = await client.create()
    await client.upload(job, csv(ids(10)))
    await client.patch(job, 'UploadComplete')
    await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    release(held.id)
    await sandbox.idle()
    assert.equal((await client.get(job)).json.state, 'JobComplete')
  }
})

test('a job vanishes, and its rows are rightly sent again', async (t) => {
  const { sandbox, client } = await setup(t, {
    faults: [{ on: 'job', nth: 1, action: { do: 'vanish', afterRows: 3 } }],
  })
  const job = await client.run(csv(ids(5)))
  assert.equal((await client.get(job)).status, 404)
  assert.equal((await client.get(job, '/failedResults')).status, 404)
  const next = await client.run(csv(ids(5)))
  assert.equal((await client.rows(next, 'successfulResults')).length, 2)
  assert.equal((await client.rows(next, 'failedResults')).length, 3)
  const { jobsAtWork, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([jobsAtWork, violationCounts], [0, {}])
})

test('a row of a vanished job may be sent until it has a verdict that can be read', async (t) => {
  const { sandbox, client } = await setup(t, {
    faults: [
      { on: 'job', nth: 1, action: { do: 'vanish', afterRows: 2 } },
      { on: 'job', nth: 2, action: { do: 'fail', code: 'TooManyLockFailure' } },
    ],
  })
  await client.run(csv(ids(2)))
  await client.run(csv(ids(2)))
  const open = await client.create()
  await client.upload(open, csv(ids(2)))
  await client.patch(open, 'Aborted')
  await sandbox.idle()
  await client.run(csv(ids(2)))
  assert.deepEqual(sandbox.referee.stats().violationCounts, {})
  await client.run(csv(ids(2)))
  assert.deepEqual(sandbox.referee.stats().violationCounts, { DUPLICATE_IN_RUN: 2 })
})

test('a job without rows fails as scripted too', async (t) => {
  const { client } = await setup(t, failing)
  assert.equal((await client.get(await client.run('Id\n'))).json.state, 'Failed')
})

test('rows left out of the results may be sent again', async (t) => {
  const { sandbox, client } = await setup(t, {
    rows: { rules: [{ code: 'MISSING_FROM_RESULTS', ids: [id(1)], times: 1 }] },
  })
  await client.run(csv(ids(2)))
  await client.run(csv([id(1)]))
  const { missingFromResults, rowsDeleted, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([missingFromResults, rowsDeleted, violationCounts], [1, 2, {}])
  await client.run(csv([id(1)]))
  assert.deepEqual(sandbox.referee.stats().violationCounts, { DUPLICATE_IN_RUN: 1 })
})
