import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pollInterval } from '../../../src/shared/salesforce/poll-interval.ts'
import { jobFailureOf } from '../../../src/worker/ingest/job-report.ts'
import {
  mayGoAgain,
  pieceSize,
  resendDelay,
  sparesAttempt,
} from '../../../src/worker/ingest/resend.ts'
import { classOf, codeLabel, parseRowError } from '../../../src/worker/ingest/row-error.ts'
import { fc } from '../../helpers/fast-check.ts'

/** Jobs that carry an id at most, those left out that were no fault of the rows. */
const MOST_ATTEMPTS = 5

describe('polling', () => {
  test('a job that ends after half a second is looked at within another quarter', () => {
    let age = 0
    while (age < 500) age += pollInterval(age, 0, 1)
    assert.ok(age <= 750, `looked at ${age} ms`)
  })

  test('a job of one hour costs under 97 looks, so under 100 calls in all', () => {
    for (const random of [0, 0.5, 1]) {
      let looks = 0
      for (let age = 0; age < 3600_000; looks++) age += pollInterval(age, 0, random)
      assert.ok(looks < 97, `${looks} looks`)
    }
  })

  test('the shorter calls are, the fewer a job costs', () => {
    const looks = [0, 0.25, 0.5, 1].map((scarcity) => {
      let count = 0
      for (let age = 0; age < 3600_000; count++) age += pollInterval(age, scarcity, 0.5)
      return count
    })
    assert.deepEqual(looks, [85, 44, 30, 19])
  })
})

describe('row errors', () => {
  test('the code stands before the first colon, the rest is the message', () => {
    assert.deepEqual(parseRowError('DELETE_FAILED:associated with: 0001:--'), {
      code: 'DELETE_FAILED',
      message: 'associated with: 0001:--',
    })
  })

  test('a lock that a trigger wraps is a lock', () => {
    const text = 'CANNOT_EXECUTE_FLOW_TRIGGER:caused by: UNABLE_TO_LOCK_ROW, unable to obtain:--'
    assert.equal(parseRowError(text).code, 'UNABLE_TO_LOCK_ROW')
    assert.equal(classOf('UNABLE_TO_LOCK_ROW'), 'transient')
  })

  test('a code is the same code in any spelling, and named as the table has it', () => {
    for (const [text, code] of [
      ['delete_failed:no', 'DELETE_FAILED'],
      ['DeleteFailed:no', 'DELETE_FAILED'],
      ['TooManyLockFailure:Too many lock failure 200', 'TooManyLockFailure'],
      ['TOO_MANY_LOCK_FAILURE:200', 'TooManyLockFailure'],
      ['RetentionHold:on hold', 'RetentionHold'],
      ['retention_hold:on hold', 'retention_hold'],
      ['V2_HOLD:on hold', 'V2_HOLD'],
    ] as const) {
      assert.equal(parseRowError(text).code, code, text)
    }
    assert.equal(classOf('TooManyLockFailure'), 'transient')
  })

  test('whatever a row says, its code is a short name without anything of the row', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z_0-9 :,;.]{0,200}$/)),
        (text) => {
          const { code } = parseRowError(text)
          assert.match(code, /^[A-Za-z][A-Za-z0-9_]{0,63}$/)
          assert.ok(['permanent', 'transient', 'already-gone'].includes(classOf(code)))
        },
      ),
    )
    for (const text of ['0035f00000000AbAAI:no', 'A1B2C3D4E5F6G7H:no', 'jane@example.com:no']) {
      assert.equal(parseRowError(text).code, 'UNKNOWN_ERROR', text)
    }
  })

  test('text without a code is kept whole under UNKNOWN_ERROR', () => {
    assert.deepEqual(parseRowError('something: odd'), {
      code: 'UNKNOWN_ERROR',
      message: 'something: odd',
    })
  })

  test('every code that Salesforce is known to give a row is in the table', () => {
    const classes = {
      'already-gone': ['ENTITY_IS_DELETED'],
      transient: [
        'UNABLE_TO_LOCK_ROW',
        'UNKNOWN_EXCEPTION',
        'SERVER_UNAVAILABLE',
        'REQUEST_RUNNING_TOO_LONG',
        'QUERY_TIMEOUT',
        'LIMIT_EXCEEDED',
        'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE',
        'TOO_MANY_APEX_REQUESTS',
        'TooManyLockFailure',
      ],
      permanent: [
        'INVALID_CROSS_REFERENCE_KEY',
        'MALFORMED_ID',
        'INVALID_ID_FIELD',
        'MISSING_ARGUMENT',
        'INSUFFICIENT_ACCESS_OR_READONLY',
        'INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY',
        'DELETE_FAILED',
        'ENTITY_IS_LOCKED',
        'FIELD_CUSTOM_VALIDATION_EXCEPTION',
        'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
        'CANNOT_EXECUTE_FLOW_TRIGGER',
        'DEPENDENCY_EXISTS',
        'DELETE_NOT_ALLOWED',
        'DELETE_OPERATION_TOO_LARGE',
        'MIXED_DML_OPERATION',
        'INVALID_TYPE',
      ],
    } as const
    for (const [kind, codes] of Object.entries(classes)) {
      for (const code of codes) {
        assert.equal(classOf(code), kind, code)
        assert.equal(codeLabel(code), code)
      }
    }
  })

  test('a code outside the table is permanent, and OTHER as a label', () => {
    assert.equal(classOf('BRAND_NEW'), 'permanent')
    assert.equal(codeLabel('BRAND_NEW'), 'OTHER')
    assert.equal(codeLabel('toString'), 'OTHER')
    assert.equal(codeLabel('DELETE_FAILED'), 'DELETE_FAILED')
  })
})

describe('failed jobs', () => {
  const causes = {
    'TooManyLockFailure : gave up': 'lock',
    'Timeout : gave up': 'timeout',
    'ExceededQuota : Daily batch limit exceeded': 'quota',
    'ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF':
      'input',
    ClientInputError: 'input',
    "InvalidBatch : The 'delete' batch must contain only ids": 'input',
    'InvalidBatch : InvalidBatch : Field name not found : X': 'input',
    'FeatureNotEnabled : x': 'input',
    'InvalidJob : x': 'input',
    'InvalidOperation : x': 'input',
    'Unknown : x': 'other',
    'InvalidSessionId : x': 'other',
    'constructor : x': 'other',
    '': 'other',
  } as const
  for (const [message, cause] of Object.entries(causes)) {
    test(`"${message}" is a failure of the kind ${cause}`, () => {
      assert.equal(jobFailureOf(message), cause)
    })
  }

  test('a job that says nothing of a failure has none', () => {
    assert.equal(jobFailureOf(null), null)
  })

  test('rows of a job that locks or time ended go in smaller ones, others in one as large', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (count) => {
        for (const failure of ['lock', 'timeout'] as const) {
          const size = pieceSize(failure, count)
          assert.ok(size >= Math.min(count, 200))
          assert.ok(size < count || count <= 200, `${size} of ${count}`)
          assert.ok(Math.ceil(count / size) <= 4)
        }
        for (const failure of ['quota', 'input', 'other', null] as const) {
          assert.equal(pieceSize(failure, count), count)
        }
      }),
    )
    assert.equal(pieceSize(null, 0), 1)
  })
})

const delayAfter = (attempt: number, resendMs: number, random: number) =>
  resendDelay({ attempt }, { resendMs }, random)

describe('going again', () => {
  const chunk = { request: 'r', lot: 'p', chunk: 0, count: 1, sha256: 'a'.repeat(64) }

  test('is for five attempts, not counting those that were no fault of the rows', () => {
    const attempt = fc.integer({ min: 1, max: 30 })
    fc.assert(
      fc.property(attempt, fc.nat(29), (attempt, spared) => {
        const excused = Math.min(spared, attempt - 1)
        const made = attempt - excused
        assert.equal(mayGoAgain({ ...chunk, attempt, excused }), made < MOST_ATTEMPTS)
        if (excused === 0) assert.equal(mayGoAgain({ ...chunk, attempt }), made < MOST_ATTEMPTS)
      }),
    )
  })

  test('spends no attempt where a tenth of the rows got a verdict, which cannot go on for ever', () => {
    for (const [verdicts, rows, spares] of [
      ...[[0, 1, false] as const, [0, 9, false] as const, [1, 9, true] as const],
      ...[[1, 10, true] as const, [1, 11, false] as const, [99_999, 1_000_000, false] as const],
    ] as const) {
      assert.equal(sparesAttempt(verdicts, rows), spares, `${verdicts} of ${rows}`)
    }
    const mostOf = (rows: number) => {
      let spared = 0
      for (let left = rows; left > 0; spared++) left -= Math.max(1, Math.ceil(left / 10))
      return spared
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (rows, shares) => {
          let spared = 0
          for (let left = rows; left > 0; spared++) {
            const verdicts = Math.floor(left * (shares.next().value ?? 0))
            if (!sparesAttempt(verdicts, left)) return
            left -= verdicts
          }
          assert.ok(spared <= mostOf(rows))
        },
      ),
    )
    assert.deepEqual([1, 9, 1_000_000].map(mostOf), [1, 9, 115])
  })

  test('takes longer after each attempt, never more than twelve minutes, within 20 %', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 0, max: 600_000 }),
        random,
        (attempts, firstMs, random) => {
          const delay = delayAfter(attempts, firstMs, random)
          const middle = delayAfter(attempts, firstMs, 0.5)
          assert.ok(Number.isInteger(delay))
          assert.ok(delay >= Math.floor(middle * 0.8) && delay <= Math.ceil(middle * 1.2))
          assert.ok(delayAfter(attempts + 1, firstMs, random) >= delay)
          assert.ok(delay <= 12 * 60_000)
        },
      ),
    )
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map((attempts) => delayAfter(attempts, 5000, 0.5)),
      [5000, 20_000, 80_000, 320_000, 600_000, 600_000],
    )
  })
})
