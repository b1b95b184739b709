import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchedIngest } from '../../../src/shared/salesforce/matched-ingest.ts'
import { JOB, JOBS, job, json, setup } from './fake-salesforce.ts'

const ASKED = { object: 'Contact', operation: 'delete' } as const
const OTHER = '7505fEXAMPLE4C9AAM'

type Call = 'create' | 'close' | 'abort' | 'get'

/** One call, answered with the documented job but for these fields. */
async function answered(t: Parameters<typeof setup>[0], call: Call, over: Record<string, unknown>) {
  const state = { create: 'Open', close: 'UploadComplete', abort: 'Aborted', get: 'InProgress' }
  const { salesforce } = await setup(t, {
    '*': (_, response) => json(response, 200, job({ state: state[call], ...over })),
  })
  const api = matchedIngest(salesforce.ingest, ASKED)
  return call === 'create' ? api.create(ASKED) : api[call](JOB)
}

/** An answer that speaks of what was asked, however it spells it. */
const SAME = [{}, { id: JOB.slice(0, 15) }, { object: 'contact' }, { operation: 'Delete' }]

for (const call of ['create', 'close', 'abort', 'get'] as const) {
  describe(`an answer to ${call}`, () => {
    test('is handed on where it speaks of what was asked', async (t) => {
      for (const over of SAME) assert.match((await answered(t, call, over)).id, /^7505fEXAMPLE4C2/)
    })

    test('is refused where it speaks of anything else, and both are named', async (t) => {
      const others = [{ object: 'Lead' }, { operation: 'hardDelete' }]
      for (const over of call === 'create' ? others : [...others, { id: OTHER }]) {
        await assert.rejects(answered(t, call, over), {
          ...{ kind: 'unexpected', code: 'RESULTS_CONTRADICT', operation: call },
          message: new RegExp(`${Object.values(over)[0]}.*where job .*delete of Contact was asked`),
        })
      }
    })
  })
}

test('a new job that is not Open, and a closed one that is, contradict the call', async (t) => {
  for (const [call, state] of [
    ['create', 'UploadComplete'],
    ['create', 'JobComplete'],
    ['close', 'Open'],
  ] as const) {
    await assert.rejects(answered(t, call, { state }), { code: 'RESULTS_CONTRADICT' })
  }
})

test('a result file is asked for at its own path', async (t) => {
  const { salesforce, server } = await setup(t, {
    [`GET ${JOBS}/${JOB}/failedResults`]: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' }).end('Id\n')
    },
  })
  const csv = matchedIngest(salesforce.ingest, ASKED).failedResults(JOB)
  assert.equal((await Array.fromAsync(csv)).join(), 'Id\n')
  assert.equal(server.calls().at(-1), `GET ${JOBS}/${JOB}/failedResults`)
})
