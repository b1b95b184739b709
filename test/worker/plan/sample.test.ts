import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sample } from '../../../src/worker/plan/sample.ts'
import { fc } from '../../helpers/fast-check.ts'

const idOf = (n: number) => String(n).padStart(15, '0')

test('a sample is evenly spread over the ids, in whatever blocks they come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { maxLength: 30 }),
      fc.integer({ min: 2, max: 20 }),
      (sizes, most) => {
        const sample = new Sample(most)
        let count = 0
        for (const size of sizes) {
          const ids = Array.from({ length: size }, (_, n) => idOf(count + n))
          sample.add(Buffer.from(ids.join('')))
          count += size
        }
        const places = sample.ids.map((id) => Number(Buffer.from(id).toString()))
        const stride = (places[1] ?? 1) - (places[0] ?? 0)
        assert.ok(places.every((place, n) => place === n * stride))
        assert.ok(places.length >= Math.min(count, Math.floor(most / 2)) && places.length <= most)
        assert.ok(count === 0 || count - (places.at(-1) ?? 0) <= stride)
      },
    ),
  )
})
