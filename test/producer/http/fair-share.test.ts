import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFairShare } from '../../../src/producer/http/fair-share.ts'
import { HttpError } from '../../../src/producer/http/http-error.ts'
import { createTurns } from '../../../src/producer/http/json-body.ts'
import { fc } from '../../helpers/fast-check.ts'

const TOTAL = 20
const EACH = 6
const CALLERS = ['a', 'b', 'c', 'd', 'e'] as const

test('nobody has more than their share, nor all together more than there is', () => {
  const step = fc.record({
    caller: fc.constantFrom(...CALLERS),
    amount: fc.integer({ min: 1, max: 7 }),
    isTaken: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const share = createFairShare({ total: TOTAL, each: EACH, unit: 'things' })
      const held = new Map<string, number[]>()
      const sumOf = (caller: string) => (held.get(caller) ?? []).reduce((sum, n) => sum + n, 0)
      for (const { caller, amount, isTaken } of steps) {
        const own = held.get(caller) ?? []
        held.set(caller, own)
        if (!isTaken) {
          share.give(caller, own.pop() ?? 0)
          continue
        }
        const all = CALLERS.reduce((sum, name) => sum + sumOf(name), 0)
        const expected =
          all + amount > TOTAL
            ? 'TOO_MANY_UPLOADS'
            : sumOf(caller) + amount > EACH
              ? 'TOO_MANY_AT_ONCE'
              : null
        assert.equal(
          codeOf(() => share.take(caller, amount)),
          expected,
        )
        if (expected === null) own.push(amount)
      }
    }),
  )
})

function codeOf(act: () => void): string | null {
  try {
    act()
    return null
  } catch (error) {
    assert.ok(error instanceof HttpError)
    assert.match(error.headers['Retry-After'] ?? '', /^\d+$/)
    return error.code
  }
}

test('a caller with much to do lets every other go between two pieces of it', async () => {
  const turn = createTurns()
  const order: string[] = []
  const work = async (caller: string) => {
    await turn(caller)
    order.push(caller)
  }
  const all = Array.from({ length: 50 }, () => work('many'))
  all.push(work('one'), work('another'))
  await Promise.all(all)
  assert.ok(order.indexOf('one') <= 2 && order.indexOf('another') <= 2, order.join(' '))
  assert.equal(order.length, 52)
})
