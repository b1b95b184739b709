import { setTimeout as delay } from 'node:timers/promises'
import { stragglers, submitAll } from './helpers/callers.ts'
import type { Chaos } from './helpers/chaos.ts'
import type { Entry } from './helpers/child.ts'
import { CLOCK_SHIFT } from './helpers/clocks.ts'
import { sentinel } from './helpers/failover.ts'
import { Fleet } from './helpers/fleet.ts'
import { judge, sweptAway, toldOf } from './helpers/judge.ts'
import { errandsOf, rulesOf } from './helpers/load.ts'
import {
  diskMishaps,
  jobMishaps,
  lyingMishaps,
  type Mishap,
  operatorMishaps,
  orgMishaps,
  serviceMishaps,
  workerMishaps,
} from './helpers/mishaps.ts'
import { openPlace, type Place } from './helpers/place.ts'
import { Random } from './helpers/random.ts'
import { cluster, type Servers, singleServer } from './helpers/servers.ts'

/**
 * Everything at once: workers die, freeze, are deaf or are told to stop; the HTTP service too; Redis
 * dies or is away; Salesforce fails in every way that it knows; the disk of the results is full or
 * gone; clocks differ; operators pause; callers submit by every door, approve, decline and cancel.
 * Then all is healed, and every request must come to its end with a true account. The seed decides
 * what happens, and when; how the processes meet it differs from run to run.
 */

const WORKERS = 4
/** More than can be submitted. */
const ERRANDS_A_MINUTE = 900
/** Rows go again up to five times, and an org that has failed often pauses for longer. */
const HEAL_WITHIN_MS = 4 * 60_000
/** Minutes by which the clocks are wrong. */
const WORKERS_CLOCKS = [0, 15, -15, 0]
const SERVICE_CLOCK = [-15]

export const random = async (chaos: Chaos) => runOn(await singleServer(chaos.scope), chaos)
export const randomOnSentinel = async (chaos: Chaos) => runOn(await sentinel(chaos.scope), chaos)

/** An org on each shard, with a fleet of its own: they share nothing but the cluster. */
export async function randomOnCluster(chaos: Chaos): Promise<void> {
  const servers = await cluster(chaos.scope)
  const runs = servers.orgs.map((org, n) => {
    const own = n === 0 ? servers : { ...servers, mishaps: () => [] }
    return runOn(own, { ...chaos, seed: chaos.seed + 100 * n }, { org, workers: 2 })
  })
  await Promise.all(runs)
}

async function runOn(
  servers: Servers,
  chaos: Chaos,
  { org, workers: size } = { org: 'chaos', workers: WORKERS },
): Promise<void> {
  const { scope, seed, minutes, say } = chaos
  say(`CHAOS_SEED=${seed}, ${minutes} minutes of mishaps in ${org}`)
  const errands = errandsOf(new Random(seed), Math.ceil(minutes * ERRANDS_A_MINUTE))
  const place = await openPlace(scope, servers, rulesOf(errands), new Random(seed + 7), org)
  const fleet = (entry: Entry, size: number, minutesWrong: readonly number[]) =>
    new Fleet(size, chaos, {
      entry,
      env: (n) => {
        const minutes = minutesWrong[n % minutesWrong.length] ?? 0
        return { ...place.env, [CLOCK_SHIFT]: String(minutes * 60_000) }
      },
      mayRefuse: () => place.disk.wasUnwell,
    })
  const workers = fleet('worker-process', size, WORKERS_CLOCKS)
  const service = fleet('service-process', 1, SERVICE_CLOCK)
  const until = Date.now() + minutes * 60_000
  const [submitted] = await Promise.all([
    submitAll(errands, place, until, new Random(seed + 1)),
    mishaps(chaos, { workers, service }, place, until),
  ])
  await place.sandbox.heal()
  await place.disk.heal()
  await place.store.ledger.resume()
  place.receiver.heal()
  say(`${submitted.length} requests were submitted; now everything is healed`)
  const healed = performance.now()
  for (const complaint of await stragglers(submitted, place, HEAL_WITHIN_MS)) chaos.fail(complaint)
  chaos.tally.took('from healed to the last receipt', (performance.now() - healed) / 1000)
  for (const complaint of await toldOf(submitted, place)) chaos.fail(complaint)
  for (const complaint of await sweptAway(place)) chaos.fail(complaint)
  await Promise.all([workers.leave(), service.leave()])
  await judge(submitted, place, chaos)
}

interface Fleets {
  readonly workers: Fleet
  readonly service: Fleet
}

/** In lanes of their own, so that mishaps of several kinds meet. */
async function mishaps(
  chaos: Chaos,
  { workers, service }: Fleets,
  place: Place,
  until: number,
): Promise<void> {
  const lane = async (
    number: number,
    [shortest, longest]: readonly [number, number],
    all: (random: Random) => readonly Mishap[],
  ) => {
    const random = new Random(chaos.seed + number)
    const deck = all(random)
    if (deck.length === 0) return
    for (const mishap of random.deal(deck)) {
      await delay(random.from(shortest, longest))
      if (Date.now() > until) return
      chaos.detail(mishap.name)
      chaos.tally.fault(mishap.name)
      await mishap.happen()
    }
  }
  const { sandbox, servers } = place
  await Promise.all([
    lane(2, [300, 2500], (random) => workerMishaps(random, workers)),
    lane(3, [300, 2500], (random) => workerMishaps(random, workers)),
    lane(4, [4000, 9000], () => servers.mishaps(chaos.minutes)),
    lane(5, [500, 4000], (random) => jobMishaps(sandbox, random)),
    // Each pauses the org: more of them, and little would be submitted.
    lane(6, [5000, 15_000], (random) => orgMishaps(sandbox, random)),
    lane(7, [2000, 8000], (random) => lyingMishaps(sandbox, random)),
    lane(8, [2000, 8000], (random) => serviceMishaps(random, service)),
    lane(9, [5000, 15_000], (random) => operatorMishaps(place, random)),
    lane(10, [5000, 20_000], (random) => diskMishaps(place, random)),
  ])
}
