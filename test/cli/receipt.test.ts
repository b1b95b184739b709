import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summary } from '../../src/cli/receipt.ts'
import { retryLine, topFailures } from '../../src/cli/render/request.ts'
import { plain } from './plain.ts'
import { receipt } from './render/fixtures.ts'

const figures = {
  totalMs: 8400,
  deleting: { records: 999_000, ms: 6750 },
  peakMemory: 143 * 1024 ** 2,
}

test('a receipt is a table of verdicts, codes, ingest jobs and figures', () => {
  assert.deepEqual(summary(receipt, figures, plain).split('\n'), [
    'Incomplete: request gdpr-1.',
    '  Deleted        997,900  Contact',
    '  Already gone       100',
    '  Failed           1,000',
    '  Unprocessed          0',
    '  Failure codes           DELETE_FAILED 900, UNABLE_TO_LOCK_ROW 100',
    '  Ingest jobs          1  7505f0000000001AAA',
    '  Time             8.4 s  deleting at 148,000 ids/s',
    '  Peak memory    143 MiB',
  ])
})

test('a request that was refused shows why and no verdicts', () => {
  const refused = {
    ...receipt,
    status: 'refused',
    outcome: null,
    failures: {},
    ingestJobs: [],
    error: {
      code: 'INVALID_ROWS',
      message: '2 rows have no valid id.',
      remedies: [
        { to: 'skip invalid rows', field: 'onInvalid', value: 'skip' },
        { to: 'accept ids without checksum', field: 'onUnchecked', value: 'accept' },
        { to: 'specify the column', field: 'column', value: 'Contact ID' },
        { to: 'raise the limit', field: 'maxRecords', value: null },
      ],
    },
  } as const
  assert.equal(
    summary(refused, null, plain),
    [
      'Refused: request gdpr-1. 2 rows have no valid id. To skip invalid rows, use --on-invalid skip.',
      'To accept ids without checksum, use --accept-unchecked.',
      "To specify the column, use --column 'Contact ID'. To raise the limit, use --max-records <n>.",
    ].join(' '),
  )
})

test('rows that were not deleted come with the command that retries them', () => {
  assert.equal(retryLine(receipt), 'To retry the 1,000 rows not deleted: expunge retry gdpr-1')
  assert.match(retryLine({ ...receipt, org: 'emea' }, '/r'), / gdpr-1 --org emea --results \/r$/)
  for (const status of ['completed', 'cancelled', 'failed'] as const) {
    assert.equal(retryLine({ ...receipt, status }), '')
  }
})

test('an ingest job that carried several chunks of a request is one job', () => {
  const line = { id: '750A', state: 'JobComplete', records: 1, attempt: 1 }
  const ingestJobs = [line, line, ...['750B', '750C', '750D'].map((id) => ({ ...line, id }))]
  assert.match(
    summary({ ...receipt, ingestJobs }, null, plain),
    /Ingest jobs +4 {2}750A, 750B, 750C, and 1 more$/m,
  )
})

test('the most frequent failure codes come first, the others are counted', () => {
  const failures = { A: 1, B: 5000, C: 3, D: 2, E: 9, F: 1, G: 1 }
  assert.equal(topFailures(failures), 'B 5,000, E 9, C 3, D 2, A 1 and 2 more codes')
  assert.equal(topFailures({}), '')
})
