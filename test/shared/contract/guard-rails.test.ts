import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type GuardRails,
  parseGuardRails,
  railChanges,
  strictest,
} from '../../../src/shared/contract/guard-rails.ts'
import { isAtOrUnder } from '../../../src/shared/contract/sources/read-file.ts'
import { fc } from '../../helpers/fast-check.ts'

const BASE: GuardRails = {
  maxRecords: 1000,
  approvalAbove: 500,
  canary: 100,
  hardDelete: true,
  objects: { Contact: '003', Lead: '00Q' },
  fileRoots: ['/data/in', '/exports'],
  fileBase: '/data/in',
  retentionDays: 30,
  idempotencyDays: 400,
  keepDeleted: false,
}

/** Each rail once stricter and once looser than in BASE. */
const CASES: readonly {
  setting: string
  stricter: Partial<GuardRails>
  looser: Partial<GuardRails>
}[] = [
  { setting: 'maxRecords', stricter: { maxRecords: 999 }, looser: { maxRecords: 1001 } },
  { setting: 'approvalAbove', stricter: { approvalAbove: 0 }, looser: { approvalAbove: null } },
  { setting: 'approvalAbove', stricter: { approvalAbove: 499 }, looser: { approvalAbove: 501 } },
  { setting: 'canary', stricter: { canary: 101 }, looser: { canary: 0 } },
  {
    setting: 'idempotencyDays',
    stricter: { idempotencyDays: 401 },
    looser: { idempotencyDays: 1 },
  },
  { setting: 'retentionDays', stricter: { retentionDays: 31 }, looser: { retentionDays: 1 } },
  {
    setting: 'objects',
    stricter: { objects: { Contact: '003' } },
    looser: { objects: { ...BASE.objects, Account: '001' } },
  },
  {
    setting: 'files.roots',
    stricter: { fileRoots: ['/data/in/daily', '/exports'] },
    looser: { fileRoots: ['/data', '/exports'] },
  },
  {
    setting: 'files.roots',
    stricter: { fileRoots: ['/exports'] },
    looser: { fileRoots: ['/data/in', '/exports', '/tmp'] },
  },
]

describe('the stricter guard rails', () => {
  for (const { setting, stricter, looser } of CASES) {
    test(`of ${setting}: ${JSON.stringify(stricter)} is taken, ${JSON.stringify(looser)} is not`, () => {
      const tight = strictest(BASE, { ...BASE, ...stricter })
      assert.deepEqual(tight, { ...BASE, ...stricter })
      assert.deepEqual(
        railChanges(BASE, tight).map((change) => change.setting),
        [setting],
      )
      assert.deepEqual(strictest(BASE, { ...BASE, ...looser }), BASE)
    })
  }

  test('of hardDelete and results.deleted: forbidding and keeping win', () => {
    assert.equal(strictest(BASE, { ...BASE, hardDelete: false }).hardDelete, false)
    assert.equal(strictest({ ...BASE, hardDelete: false }, BASE).hardDelete, false)
    assert.equal(strictest(BASE, { ...BASE, keepDeleted: true }).keepDeleted, true)
    assert.equal(strictest({ ...BASE, keepDeleted: true }, BASE).keepDeleted, true)
  })

  test('keep the prefix of an object that another has with another prefix, and say so', () => {
    const other = { ...BASE, objects: { Contact: '001', Lead: '00Q' } }
    assert.deepEqual(strictest(BASE, other), BASE)
    assert.deepEqual(railChanges(BASE, other), [
      { setting: 'objects', before: BASE.objects, after: other.objects },
    ])
  })

  test('keep a prefix where the other leaves it to the org', () => {
    const open = { ...BASE, objects: { ...BASE.objects, Lead: '' } }
    assert.deepEqual(strictest(BASE, open), BASE)
    assert.deepEqual(strictest(open, BASE), BASE)
  })

  test('start relative paths nowhere, where the first folders differ', () => {
    const swapped = { ...BASE, fileRoots: ['/exports', '/data/in'], fileBase: '/exports' }
    const met = strictest(BASE, swapped)
    assert.deepEqual(met, { ...BASE, fileBase: null })
    assert.deepEqual(railChanges(BASE, met), [
      { setting: 'files.roots[0]', before: '/data/in', after: null },
    ])
    assert.deepEqual(strictest(met, BASE), met)
  })

  test('a folder whose name begins like a root is not under it', () => {
    const { fileRoots } = strictest(BASE, { ...BASE, fileRoots: ['/data/input', '/export'] })
    assert.deepEqual(fileRoots, [])
  })
})

const folder = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`)
const rails: fc.Arbitrary<GuardRails> = fc.record({
  maxRecords: fc.integer({ min: 1, max: 5 }),
  approvalAbove: fc.option(fc.nat(5)),
  canary: fc.nat(5),
  hardDelete: fc.boolean(),
  objects: fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('001', '002'), {
    noNullPrototype: true,
  }),
  fileRoots: fc.uniqueArray(folder, { maxLength: 3 }),
  fileBase: fc.option(folder),
  retentionDays: fc.integer({ min: 1, max: 5 }),
  idempotencyDays: fc.nat(5),
  keepDeleted: fc.boolean(),
})

describe('guard rails of any two processes', () => {
  test('come to the same strictness, whoever brings theirs first and however often', () => {
    fc.assert(
      fc.property(rails, rails, folder, (a, b, path) => {
        const met = strictest(a, b)
        assert.deepEqual(strictest(met, a), met)
        assert.deepEqual(strictest(met, b), met)
        const back = strictest(b, a)
        const names = (one: GuardRails) => Object.keys(one.objects).sort()
        assert.deepEqual(names(met), names(back))
        const mayRead = ({ fileRoots }: GuardRails) =>
          fileRoots.some((root) => isAtOrUnder(path, root))
        assert.equal(mayRead(met), mayRead(a) && mayRead(b))
        assert.equal(mayRead(back), mayRead(met))
        const rest = { objects: {}, fileRoots: [] }
        assert.deepEqual({ ...met, ...rest }, { ...back, ...rest })
      }),
    )
  })

  test('are read from Redis as they were written', () => {
    fc.assert(
      fc.property(rails, (one) => {
        assert.deepEqual(parseGuardRails(JSON.stringify(one)), { ...one })
        assert.deepEqual(railChanges(one, parseGuardRails(JSON.stringify(one))), [])
      }),
    )
  })
})
