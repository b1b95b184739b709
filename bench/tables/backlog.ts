/**
 * What a submit, a page of the list, a turn of the sweep and a scrape cost beside requests of ten ids
 * that wait, each backlog in an org of its own on one Redis. No worker is running.
 */
import { readOrgFacts } from '../../src/shared/store/org-facts.ts'
import { sweep } from '../../src/worker/upkeep/sweep.ts'
import { submitIds } from '../../test/helpers/deletion.ts'
import { ids18 } from '../../test/helpers/ids.ts'
import { context, plannerDeps } from '../../test/helpers/planning.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { startWorld, type World } from '../../test/helpers/world.ts'
import { inFlight } from '../../test/producer/http/stubborn.ts'
import { median } from '../median.ts'
import type { Figures, Table } from '../table.ts'

const IDS = 10
const TRIES = 20
/** So many turns see each backlog from its first request to its last, and begin again. */
const TURNS = 3

export const backlog: Table = {
  name: 'backlog',
  title: 'What one step costs beside requests of ten ids that wait',
  size: { full: 100_000, quick: 100 },
  rounds: 3,
  figure: 'sweep ms',
  ways: async (most, scope) => {
    const redis = await startRedis(scope, {})
    return Promise.all(
      [most / 100, most / 10, most].map(async (waiting) => {
        const world = await startWorld(scope, { redis })
        const filled = once(() => fill(world, waiting))
        return {
          name: `${waiting.toLocaleString('en')} waiting`,
          measure: async () => {
            await filled()
            return stepsOf(world)
          },
        }
      }),
    )
  },
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= act()
    return done
  }
}

async function fill(world: World, waiting: number): Promise<void> {
  const ids = ids18(IDS)
  await inFlight(50, Array(waiting).keys(), async () => void (await submitIds(world, ids)))
}

async function stepsOf(world: World): Promise<Figures> {
  const { org, producer, store } = world
  const deps = { ...(await plannerDeps(world)), intervalMs: 60_000 }
  const turn = async () => {
    await store.redis.del(store.ledger.keys.sweeper)
    await sweep(deps, context())
  }
  return {
    'submit ms': median(await msOf(TRIES, () => submitIds(world, ids18(IDS)))),
    'list page ms': median(await msOf(TRIES, () => producer.list({ org }))),
    'sweep ms': Math.max(...(await msOf(TURNS, turn))),
    'scrape ms': median(await msOf(TRIES, () => readOrgFacts(store.redis, org))),
  }
}

async function msOf(tries: number, act: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = []
  for (let left = tries; left > 0; left--) {
    const begun = performance.now()
    await act()
    times.push(performance.now() - begun)
  }
  return times
}
