import { mapInSlices } from '../../shared/base/slices.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * A long list is swept over several turns. Each turn takes a limited number of entries and notes
 * where the next one continues, whichever worker has it. So a turn costs the same however much
 * waits: with 100,000 waiting requests, each turn used to take over a minute.
 */

/** Of one turn: 100,000 waiting requests are all seen within 20 turns, which is ten minutes. */
export const MOST_PER_TURN = 5000

const AT_ONCE = 10

interface Page<Entry> {
  readonly entries: readonly Entry[]
  /** Where the next page begins; null after the last. */
  readonly next: string | null
}

/**
 * Sweeps the next page of a list. The place is noted at the end, so a turn that is interrupted is
 * repeated. A step must not fail because of its entry.
 *
 * @param read the page that begins at the place, or the first one
 */
export async function sweepPage<Entry>(
  { redis, ledger: { keys } }: OrgStore,
  list: 'live' | 'staged',
  read: (from: string | null) => Promise<Page<Entry>>,
  step: (entry: Entry) => Promise<void>,
): Promise<void> {
  const { entries, next } = await read(await redis.hget(keys.rounds, list))
  await mapInSlices(entries, AT_ONCE, step)
  if (next === null) await redis.hdel(keys.rounds, list)
  else await redis.hset(keys.rounds, list, next)
}
