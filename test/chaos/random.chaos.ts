import { setTimeout as delay } from 'node:timers/promises'
import { stragglers, submitAll } from './helpers/callers.ts'
import type { Chaos } from './helpers/chaos.ts'
import { Fleet } from './helpers/fleet.ts'
import { judge, sweptAway } from './helpers/judge.ts'
import { errandsOf } from './helpers/load.ts'
import { type Mishap, redisMishaps, salesforceMishaps, workerMishaps } from './helpers/mishaps.ts'
import { openPlace, type Place } from './helpers/place.ts'
import { Random } from './helpers/random.ts'

/**
 * Everything at once: workers die, freeze, are deaf or are told to stop; Redis dies or is away;
 * Salesforce fails in every way that it knows; callers submit and cancel. Then all is healed, and
 * every request must come to its end with a true account. The seed decides what happens, and when;
 * how the processes meet it differs from run to run.
 */

const WORKERS = 4
/** More than can be submitted. */
const ERRANDS_A_MINUTE = 150
/** Rows go again up to five times, and an org that has failed often pauses for longer. */
const HEAL_WITHIN_MS = 4 * 60_000

export async function random(chaos: Chaos): Promise<void> {
  const { scope, seed, minutes, say } = chaos
  say(`CHAOS_SEED=${seed}, ${minutes} minutes of mishaps`)
  const errands = errandsOf(new Random(seed), Math.ceil(minutes * ERRANDS_A_MINUTE))
  const place = await openPlace(
    scope,
    errands.flatMap(({ records }) => records.rules),
  )
  const fleet = new Fleet(WORKERS, chaos, place.env)
  const until = Date.now() + minutes * 60_000
  const [submitted] = await Promise.all([
    submitAll(errands, place, until, new Random(seed + 1)),
    mishaps(chaos, fleet, place, until),
  ])
  await place.sandbox.heal()
  say(`${submitted.length} requests were submitted; now everything is healed`)
  const healed = performance.now()
  for (const complaint of await stragglers(submitted, place, HEAL_WITHIN_MS)) chaos.fail(complaint)
  chaos.tally.took('from healed to the last receipt', (performance.now() - healed) / 1000)
  for (const complaint of await sweptAway(place)) chaos.fail(complaint)
  await fleet.leave()
  await judge(submitted, place, chaos)
}

/** In lanes of their own, so that mishaps of several kinds meet. */
async function mishaps(
  chaos: Chaos,
  fleet: Fleet,
  { redis, sandbox }: Place,
  until: number,
): Promise<void> {
  const lane = async (
    number: number,
    [shortest, longest]: readonly [number, number],
    all: (random: Random) => readonly Mishap[],
  ) => {
    const random = new Random(chaos.seed + number)
    for (const mishap of random.deal(all(random))) {
      await delay(random.from(shortest, longest))
      if (Date.now() > until) return
      chaos.detail(mishap.name)
      chaos.tally.fault(mishap.name)
      await mishap.happen()
    }
  }
  await Promise.all([
    lane(2, [300, 2500], (random) => workerMishaps(random, fleet)),
    lane(3, [300, 2500], (random) => workerMishaps(random, fleet)),
    lane(4, [4000, 9000], () => redisMishaps(redis, chaos.minutes)),
    lane(5, [500, 4000], (random) => salesforceMishaps(sandbox, random)),
  ])
}
