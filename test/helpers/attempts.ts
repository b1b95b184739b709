import { QUEUES } from '../../src/shared/store/queues/queues.ts'
import type { World } from './world.ts'

/** Jobs that BullMQ saw fail or wait for another attempt, from its own journal. */
export async function attemptsSpent({ store }: World): Promise<string[]> {
  const spent: string[] = []
  for (const queue of QUEUES) {
    const journal = await store.redis.xrange(
      `${store.ledger.keys.prefix}:${queue}:events`,
      '-',
      '+',
    )
    for (const [, fields] of journal) {
      const event = fields[fields.indexOf('event') + 1] ?? ''
      if (['failed', 'delayed', 'retries-exhausted'].includes(event)) spent.push(fields.join(' '))
    }
  }
  return spent
}
