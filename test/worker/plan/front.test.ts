import { test } from 'node:test'
import { fuzz } from '../../fuzz/front.ts'
import { inReverse } from '../../helpers/scope.ts'

/** A hundred thousand of them and more: `npm run test:fuzz`. */
const PLANS = 100

test('no id stands ready that nobody meant, whatever happens to the text on its way', async (t) => {
  await fuzz(
    inReverse((fn) => t.after(fn)),
    { plans: PLANS, seed: Math.floor(Math.random() * 2 ** 31) },
  )
})
