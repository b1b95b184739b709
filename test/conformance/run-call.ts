import assert from 'node:assert/strict'
import type { Salesforce } from '../../src/shared/salesforce/client.ts'
import { SalesforceError } from '../../src/shared/salesforce/errors.ts'
import { judge } from '../../src/worker/ingest/judge.ts'
import { CSV, JOB } from './bodies.ts'
import { play, type Scope } from './client.ts'
import type { CallError, CallName, CallScenario } from './scenario.ts'

/** Makes the call of a scenario, and compares what it gives. */
export async function runCall(scope: Scope, scenario: CallScenario): Promise<void> {
  const { salesforce, replay } = await play(scope, scenario)
  const { gives } = scenario
  const called = CALLS[scenario.call](salesforce, replay.departed)
  if ('error' in gives) assertError(await failureOf(called), gives.error)
  else assertValue(await called, gives.value)
  replay.departed.throwIfAborted()
  assert.deepEqual(replay.left, [])
  if (scenario.logins !== undefined) assert.equal(replay.logins, scenario.logins)
}

const CALLS: Readonly<
  Record<CallName, (salesforce: Salesforce, signal: AbortSignal) => Promise<unknown>>
> = {
  login: (salesforce, signal) => salesforce.login(signal),
  limits: (salesforce, signal) => salesforce.limits(signal),
  versions: (salesforce, signal) => salesforce.versions(signal),
  create: ({ ingest }, signal) => ingest.create({ object: 'Contact', operation: 'delete' }, signal),
  upload: ({ ingest }, signal) => {
    const body = { bytes: CSV.length, stream: bytesOf(CSV) }
    return ingest.upload(JOB, body, signal)
  },
  close: ({ ingest }, signal) => ingest.close(JOB, signal),
  abort: ({ ingest }, signal) => ingest.abort(JOB, signal),
  get: ({ ingest }, signal) => ingest.get(JOB, signal),
  remove: ({ ingest }, signal) => ingest.remove(JOB, signal),
  failedResults: ({ ingest }, signal) => textOf(ingest.failedResults(JOB, signal)),
  successfulResults: ({ ingest }, signal) => textOf(ingest.successfulResults(JOB, signal)),
  unprocessedRecords: ({ ingest }, signal) => textOf(ingest.unprocessedRecords(JOB, signal)),
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(stream)).toString('utf8')
}

async function failureOf(called: Promise<unknown>): Promise<SalesforceError> {
  const error: unknown = await called.then(
    (value) => assert.fail(`expected an error, got ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (error instanceof SalesforceError) return error
  throw error
}

function assertValue(value: unknown, expected: unknown): void {
  if (typeof expected === 'object' && expected !== null && typeof value === 'object' && value) {
    assert.partialDeepStrictEqual(value, expected)
  } else assert.equal(value, expected)
}

function assertError(error: SalesforceError, expected: CallError): void {
  const { message, judged, pause, atOnce, ...told } = expected
  assert.partialDeepStrictEqual(
    { kind: error.kind, code: error.code, transient: error.transient },
    told,
  )
  if (message !== undefined) assert.match(error.message, message)
  const judgement = judge(error)
  const given = { judged: judgement.kind, ...pick(judgement) }
  assert.partialDeepStrictEqual(given, {
    ...(judged === undefined ? {} : { judged }),
    ...(pause === undefined ? {} : { pause }),
    ...(atOnce === undefined ? {} : { atOnce }),
  })
}

function pick(judgement: ReturnType<typeof judge>) {
  return judgement.kind === 'org-fault' ? { pause: judgement.pause, atOnce: judgement.atOnce } : {}
}
