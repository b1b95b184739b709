import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VALUES } from '../../src/cli/option-values.ts'
import { momentOf, toRequest, withKnownDeadline } from '../../src/cli/request.ts'
import type { RequestView } from '../../src/producer/producer.ts'
import { fc } from '../helpers/fast-check.ts'
import { request as stored } from './render/fixtures.ts'

const { deadline } = VALUES
const HOUR = 3_600_000

test('a duration counts from now', () => {
  const units = fc.record({
    d: fc.nat(99),
    h: fc.nat(999),
    m: fc.nat(9999),
    s: fc.nat(99_999),
  })
  fc.assert(
    fc.property(
      units.filter((unit) => Object.values(unit).some((value) => value > 0)),
      ({ d, h, m, s }) => {
        const parsed = deadline(`${d}d${h}h${m}m${s}s`)
        const ms = (((d * 24 + h) * 60 + m) * 60 + s) * 1000
        assert.equal(momentOf(parsed, 1000), new Date(1000 + ms).toISOString())
      },
    ),
  )
  assert.deepEqual(deadline('90m'), { kind: 'in', ms: 1.5 * HOUR })
  assert.deepEqual(deadline('1d12h'), { kind: 'in', ms: 36 * HOUR })
})

test('a time is taken as it is, without zone as of this machine', () => {
  const at = '2026-12-01T18:00:00.000Z'
  assert.equal(momentOf(deadline('2026-12-01T19:00:00+01:00'), 0), at)
  assert.equal(momentOf(deadline('2026-12-01T18:00Z'), 0), at)
  assert.equal(momentOf(deadline('2026-12-01T18:00'), 0), new Date(2026, 11, 1, 18).toISOString())
})

test('what is neither is refused', () => {
  for (const text of [
    '',
    '2',
    '0h',
    'h',
    '2 h',
    '-2h',
    'soon',
    '2026-12-01',
    '2026-13-01T00:00Z',
  ]) {
    assert.throws(() => deadline(text), /Expected a duration/, text)
  }
})

test('the same command again means the deadline of the first time', async () => {
  const flags = { object: 'Contact', id: 'gdpr-1', deadline: deadline('2h') }
  const terms = {
    org: 'default',
    approval: 'required',
    coalesce: false,
    acceptUnchecked: false,
  } as const
  const input = {
    kind: 'source',
    name: '--ids',
    source: { type: 'ids', ids: ['0035g00001AAAAA'] },
  } as const
  const typed = toRequest(flags, input, { ...terms, fileSeenByPlanner: true })
  assert.ok(typed.deadline !== null)
  const submittedAt = '2026-01-01T00:00:00.000Z'
  // Some time passes between the command and its request: a login may have to be waited for.
  const first = '2026-01-01T01:59:00.000Z'
  const known: RequestView = {
    ...{
      id: 'gdpr-1',
      org: 'default',
      status: 'deleting',
      stopping: null,
      submittedAt,
      waiting: [],
    },
    ...{
      submittedBy: null,
      content: null,
      approvedBy: null,
      cancelledBy: null,
      prioritizedBy: null,
      objectRecords: null,
      preflight: null,
      cost: null,
      keptPlan: null,
      appliesPlanOf: null,
      request: { ...stored, deadline: first },
      plan: null,
      progress: null,
      receipt: null,
    },
  }
  const again = await withKnownDeadline(typed, flags, { inspect: async () => known })
  assert.equal(again.deadline, first)
  const shorter = { ...flags, deadline: deadline('90m') }
  const sooner = await withKnownDeadline(typed, shorter, { inspect: async () => known })
  assert.equal(sooner.deadline, typed.deadline, 'a shorter one is another request')
  const unbounded = { ...known, request: { ...stored, deadline: null } }
  const bounded = await withKnownDeadline(typed, flags, { inspect: async () => unbounded })
  assert.equal(bounded.deadline, typed.deadline, 'and so is one where there was none')
  const fresh = await withKnownDeadline(typed, flags, { inspect: async () => null })
  assert.equal(fresh.deadline, typed.deadline)
})
