import process from 'node:process'
import { createProducer } from '../../../src/producer/producer.ts'
import { watchEffects } from './effects.ts'
import { type Goods, submitGoods } from './goods.ts'
import { endWithParent } from './orphans.ts'

/** A caller in a process of its own: does one thing with the producer, unless it dies before. */

/** What to do, as JSON in CHAOS_DO. */
export type Deed =
  | ({ readonly do: 'submit' } & Goods)
  | { readonly do: 'approve' | 'cancel'; readonly org: string; readonly id: string }

endWithParent()
watchEffects(process.env)
const producer = await createProducer({ redis: process.env['REDIS_URL'] ?? '' })
const deed: Deed = JSON.parse(process.env['CHAOS_DO'] ?? '')
switch (deed.do) {
  case 'submit':
    await submitGoods(producer, deed)
    break
  case 'approve':
    await producer.approve(deed.id, { org: deed.org })
    break
  case 'cancel':
    await producer.cancel(deed.id, { org: deed.org })
    break
  default:
    throw new TypeError(`Unknown deed ${JSON.stringify(deed satisfies never)}`)
}
await producer.close()
process.exit(0)
