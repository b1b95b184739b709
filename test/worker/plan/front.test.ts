import { test } from 'node:test'
import { fuzz } from '../../fuzz/front.ts'
import { inReverse } from '../../helpers/scope.ts'

/** `npm run test:fuzz` tries a hundred times as many. */
const PLANS = 100

test('no id stands ready that nobody meant, whatever happens to the text on its way', async (t) => {
  await fuzz(
    inReverse((fn) => t.after(fn)),
    PLANS,
  )
})
