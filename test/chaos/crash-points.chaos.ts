import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { CALLER_STORIES } from './helpers/caller-stories.ts'
import type { Chaos } from './helpers/chaos.ts'
import { Points } from './helpers/points.ts'
import { OwnScope } from './helpers/scope.ts'
import { openStage, type Stage } from './helpers/stage.ts'
import { receipt, type Story } from './helpers/story.ts'
import { WORKER_STORIES } from './helpers/worker-stories.ts'

/**
 * A process dies by SIGKILL at every point where it changes something outside of itself, once in
 * each run, and another one goes on. A run without a death finds the points.
 */

const AT_ONCE = 12
/** What is broken fails at dozens of points, and each takes a minute to be sure. */
const ENOUGH_FAILURES = 10

export async function crashPoints(chaos: Chaos): Promise<void> {
  const redis = await startRedis(chaos.scope, { appendOnly: true })
  for (const stories of [WORKER_STORIES, CALLER_STORIES]) {
    const known = new Points()
    for (const story of stories) await everyPoint(story, known, redis, chaos)
  }
}

async function everyPoint(
  story: Story,
  known: Points,
  redis: TestRedis,
  chaos: Chaos,
): Promise<void> {
  const { name, only = /./ } = story
  const first = await run(story, redis, chaos)
  if (first.complaints.length > 0) return
  const points = known.choose(first.reached, only)
  chaos.say(`${name}: ${first.reached.length} effects, ${points.length} of them to die at`)
  const failed: string[] = []
  const missed: string[] = []
  await eachOf(points, async (point) => {
    if (chaos.signal.aborted || failed.length >= ENOUGH_FAILURES) return
    const { died, complaints } = await run(story, redis, chaos, point)
    chaos.tally.point(complaints.length === 0)
    if (complaints.length > 0) failed.push(point)
    if (!died) missed.push(point)
  })
  chaos.say(
    `${name}: ${failed.length === 0 ? 'every point held' : `${failed.length} points failed`}`,
  )
  if (missed.length > 0) chaos.say(`${name}: came to its end before ${missed.join(', ')}`)
}

interface Run {
  readonly reached: readonly string[]
  readonly died: boolean
  readonly complaints: readonly string[]
}

async function run(story: Story, redis: TestRedis, chaos: Chaos, point?: string): Promise<Run> {
  await using scope = new OwnScope(chaos.scope)
  const stage = await openStage(scope, {
    ...story,
    redis,
    ...(point === undefined ? {} : { crashAt: point }),
  })
  const complaints = await play(story, stage, chaos).catch((error: unknown) => [String(error)])
  const reached = await stage.reached()
  const died = point !== undefined && reached.at(-1) === point
  if (died) chaos.tally.fault(`SIGKILL at an effect (${story.name})`)
  for (const complaint of complaints) {
    chaos.fail(`${story.name}, death at ${point ?? 'no point'}: ${complaint}`)
  }
  return { reached, died, complaints }
}

async function play(story: Story, stage: Stage, { tally }: Chaos): Promise<readonly string[]> {
  await story.play(stage)
  await stage.startRescuer()
  await story.goOn?.(stage)
  const account = await receipt(stage)
  tally.settled(account)
  return stage.audit(account)
}

/** Several at once. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  const lane = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}
