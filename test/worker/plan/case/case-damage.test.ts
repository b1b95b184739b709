import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { to18 } from '../../../../src/shared/contract/record-id.ts'
import { caseDamageIn } from '../../../../src/worker/plan/case/case-damage.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { CHANGES, LISTS, lower, seeded, setOf, upper } from '../../../helpers/id-lists.ts'
import { id15, id18 } from '../../../helpers/ids.ts'
import { judge, judgeText } from '../texts.ts'

/** Whether a list of unchecked ids, and of checked ones beside them, is refused. */
async function isRefused(
  unchecked: readonly string[],
  checked: readonly string[] = [],
  orgId: string | null = null,
) {
  using alone = setOf(unchecked)
  using all = setOf([...unchecked, ...checked])
  const damage = await caseDamageIn(alone, all, { orgId, recased: 0 })
  if (damage !== null) assert.equal(damage.code, 'CASE_DAMAGED')
  return damage !== null
}

const some = (count: number, step: number) =>
  Array.from({ length: count }, (_, n) => id15(n * step + 62 ** 3))

describe('the case of unchecked ids', () => {
  for (const [kind, make] of Object.entries(LISTS)) {
    test(`is taken as intact in lists of ${kind}, long and short`, async () => {
      const random = seeded(7)
      for (const size of [1, 2, 5, 10, 20, 30, 60, 100, 300, 1000, 4000]) {
        for (let k = 0; k < Math.min(20, 4000 / size); k++) {
          const ids = make(size, random)
          assert.equal(await isRefused(ids), false, `${size} ids: ${ids.slice(0, 50)}`)
        }
      }
    })

    test(`is seen to be changed in lists of ${kind}, in either direction and in part`, async () => {
      const random = seeded(11)
      for (const change of ['upper case', 'lower case', 'all but one', 'the last third']) {
        for (let k = 0; k < 5; k++) {
          const ids = CHANGES[change]?.(make(5000, random), random) ?? []
          assert.equal(await isRefused(ids), true, `${change}: ${ids.slice(0, 50)}`)
        }
      }
    })
  }

  test('is seen to be changed in short lists', async () => {
    for (const change of [upper, lower]) {
      for (const [count, step] of [
        [99, 40],
        [50, 40],
        [20, 7919],
        [12, 791_929],
      ] as const) {
        const ids = some(count, step)
        assert.equal(await isRefused(ids), false)
        assert.equal(await isRefused(ids.map(change)), true, `${count} ids, ${step} apart`)
      }
    }
  })

  test('is seen to be changed in a few hundred neighbours, of which letters are missing', async () => {
    const run = some(300, 1)
    assert.equal(await isRefused(run), false)
    assert.equal(await isRefused(run.map(upper)), true)
    assert.equal(await isRefused(run.map(lower)), true)
  })

  test('is not vouched for by intact ids, with a checksum or without', async () => {
    const intact = some(3000, 997)
    const damaged = some(2000, 40).map(lower)
    assert.equal(await isRefused([...damaged, id15(62)]), true)
    assert.equal(await isRefused(damaged.slice(0, 60), intact), true)
    assert.equal(await isRefused([...intact, ...damaged]), true)
  })

  test('is not judged by a run of letters of one case', async () => {
    // Digits 10 to 35 are the upper-case letters, 36 to 61 the lower-case ones.
    for (const start of [10, 36]) {
      const run = Array.from({ length: 26 }, (_, n) => id15(62 ** 4 + start + n))
      assert.equal(await isRefused(run), false)
      const runs = [1, 2, 3].flatMap((k) => run.map((_, n) => id15(62 ** 4 * k + start + n)))
      assert.equal(await isRefused(runs), false)
    }
  })
})

describe('ids of a pod whose name has changed its case', () => {
  const org = id15(1, '00D')

  test('are seen where the org or other ids name it, a single one among many', async () => {
    const ids = some(40, 1)
    const changed = upper(id15(62 ** 3 + 5000))
    assert.equal(await isRefused([changed]), false)
    assert.equal(await isRefused([changed], [], org), true)
    assert.equal(await isRefused([...ids, changed]), true)
    assert.equal(await isRefused([changed], ids), true)
    assert.equal(await isRefused(ids.map(upper), [], org), true)
    assert.equal(await isRefused(ids, [], upper(org)), false, 'no letter of the others has changed')
  })

  test('are no others where their letters are of both cases', async () => {
    const ids = some(40, 5003).map((id) => id.replace('5f', '5F'))
    assert.equal(await isRefused(ids, [], org), false)
  })

  test('are none that come from elsewhere', async () => {
    const ids = some(20, 1).map((id) => upper(id).replace('5F', '1N'))
    assert.equal(await isRefused(ids, some(20, 1), org), false)
  })
})

describe('duplicates that appear once case is ignored', () => {
  test('are seen where one changed copy of an id stands in a pod of its own', async () => {
    for (const ids of [some(2, 1), some(40, 1), some(40, 5003), some(5000, 5003)]) {
      assert.equal(await isRefused(ids), false)
      assert.equal(await isRefused([...ids, upper(ids[1] ?? '')]), true)
    }
  })

  test('are seen where changed copies stand among the others', async () => {
    for (const ids of [some(100, 500_021), some(1000, 500_021)]) {
      const copies = ids.filter((id) => lower(id) !== id).map(lower)
      assert.equal(await isRefused(ids), false)
      assert.equal(await isRefused([...ids, ...copies.slice(0, 5)]), true)
    }
  })

  test('are seen where the intact id has a checksum, and its changed copy has none', async () => {
    const checked = some(500, 31)
    assert.equal(await isRefused([...some(40, 5003), upper(checked[7] ?? '')], checked), true)
  })

  test('are nothing where neighbours are twins of each other', async () => {
    const run = some(5000, 1)
    const folded = new Set(run.map(upper))
    assert.ok(folded.size < 2500, 'half of them are twins')
    assert.equal(await isRefused(run), false)
    assert.equal(await isRefused(run.slice(0, 2500), run.slice(2500)), false)
  })
})

test('a list is judged by its unchecked ids, in whatever order and blocks they come', async () => {
  const damaged = some(60, 40).map(lower)
  const lists = {
    damaged,
    'checked first': [...some(300, 77).map(to18), ...damaged],
    'checked last': [...damaged, ...some(300, 77).map(to18)],
  }
  for (const [what, ids] of Object.entries(lists)) {
    for (const size of [1, 7, 1000]) {
      assert.equal((await judge(ids, size))?.code, 'CASE_DAMAGED', `${what}, blocks of ${size}`)
    }
  }
  // Of an id that came with 18 characters first, the checksum vouches for the other form as well.
  const vouched = damaged.flatMap((id) => [to18(id), id])
  assert.equal(await judge(vouched, 1000), null)
})

test('ids strewn over an org are refused no more often than the stated rate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50_000_000), { maxLength: 300 }), async (numbers) => {
      assert.equal(await isRefused(numbers.map((n) => id15(n))), false)
    }),
    { numRuns: runs(200), seed: 1 },
  )
})

test('ids of 18 characters alone are never judged', async () => {
  const ids = Array.from({ length: 500 }, (_, n) => to18(lower(id15(n * 40))))
  assert.equal(await judge([...ids, id18(1)], 100), null)
})

describe('beside unchecked ids, one of 18 characters', () => {
  // Three letters, far too few to be judged by chance.
  const unchecked = '0035g00001AAB12'
  const checked = to18('0035g00001XaYbZ')
  const judged = (id: string) => judgeText(`Id\n${unchecked}\n${id}\n${unchecked.slice(0, 14)}4\n`)

  test('in one case that is not its own shows that the list was changed', async () => {
    for (const change of [upper, lower]) {
      const damage = await judged(change(checked))
      assert.equal(damage?.code, 'CASE_DAMAGED')
      assert.match(
        damage.message,
        /the checksum of 18-character ids in it \(1\) shows a changed case, so its 15-character ids \(2\)/,
      )
    }
    assert.equal(await judgeText(`Id\n${lower(checked)}\n${to18(unchecked)}\n`), null)
  })

  test('that is intact, or mistyped, shows nothing', async () => {
    assert.equal(await judged(checked), null)
    assert.equal(await judged(to18(upper(checked.slice(0, 15)))), null)
    for (let at = 3; at < 18; at++) {
      for (const char of '1aA') {
        const mistyped = checked.slice(0, at) + char + checked.slice(at + 1)
        assert.equal(await judged(mistyped), null, mistyped)
      }
    }
  })
})
