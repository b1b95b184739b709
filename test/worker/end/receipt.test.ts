import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NO_OUTCOME, type Outcome } from '../../../src/shared/contract/receipt.ts'
import type { ChunkOutcome } from '../../../src/shared/store/ledger/chunk.ts'
import type { StopReason } from '../../../src/shared/store/ledger/decisions.ts'
import { parseRecord } from '../../../src/shared/store/ledger/record.ts'
import { applied } from '../../../src/worker/end/receipt.ts'
import { submission } from '../../shared/store/ledger/setup.ts'

/** A request that is being deleted; `brake` as the ledger has noted it. */
function recordOf(brake: object | null = null) {
  const { request, bodyHash } = submission({ id: 'R1', maxFailureRatio: 0.07 })
  return parseRecord({
    ...{ request: JSON.stringify(request), bodyHash, status: 'deleting', submittedAt: '1000' },
    ...(brake === null ? {} : { brake: JSON.stringify(brake) }),
  })
}

const JOB = { id: '750000000000001AAA', state: 'JobComplete', attempt: 1 }

function chunk(outcome: Partial<Outcome>, fields: Partial<ChunkOutcome> = {}): ChunkOutcome {
  const records = Object.values(outcome).reduce((sum, count) => sum + count, 0)
  const counts = { ...NO_OUTCOME, ...outcome }
  return { outcome: counts, failures: {}, job: { ...JOB, records }, error: null, ...fields }
}

const endOf = (
  stop: StopReason | null,
  chunks: readonly ChunkOutcome[],
  brake: object | null = null,
) => applied(recordOf(brake), stop, new Map(chunks.map((one, at) => [`${at}.1`, one])))

describe('a request of which the brake was pulled', () => {
  const brake = { by: 'ratio', bad: 30, rows: 40 }

  test('says so with its numbers, though it came too late to hold anything back', () => {
    const { status, error } = endOf('brake', [chunk({ failed: 30, deleted: 10 })], brake)
    assert.deepEqual([status, error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    const said =
      /^30 of 40 ids were not deleted, more than the allowed share of failures \(0.07\), beyond chance/
    assert.match(error?.message ?? '', said)
  })

  test('names the canary where that failed', () => {
    const canary = { by: 'canary', bad: 9, rows: 500 }
    const { error } = endOf('brake', [chunk({ failed: 9, unprocessed: 1 })], canary)
    assert.match(error?.message ?? '', /^9 of 500 ids of the canary were not deleted/)
  })

  test('tells why rather, where nothing could be sent at all', () => {
    const error = { code: 'INVALID_TYPE', message: 'No such object.' }
    const end = endOf('brake', [chunk({ unprocessed: 500 }, { job: null, error })], brake)
    assert.deepEqual([end.status, end.error], ['failed', error])
  })
})

test('a request that was cancelled too late to hold anything back ended by itself', () => {
  const { status, error } = endOf('cancelled', [chunk({ deleted: 9 })])
  assert.deepEqual([status, error], ['completed', null])
})

test('an ingest job is listed once, with all rows of the request that it carried', () => {
  const other = { ...JOB, id: '750000000000002AAA', records: 5 }
  const chunks = [
    chunk({ deleted: 3 }, { job: other }),
    chunk({ deleted: 3 }),
    chunk({ failed: 4 }),
  ]
  const jobs = endOf(null, chunks).ingestJobs ?? []
  assert.deepEqual(jobs, [other, { ...JOB, records: 7 }])
})
