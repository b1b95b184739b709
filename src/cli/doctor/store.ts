import { type Config, railsOf } from '../../shared/config/config.ts'
import { railChanges } from '../../shared/contract/guard-rails.ts'
import { PRIORITIES, type Priority } from '../../shared/contract/request.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import type { QuotaLimit } from '../../shared/store/quota.ts'
import { type QuotaState, quotaHold, readQuotaState } from '../../shared/store/quota-state.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import { orgWaiting, pauses, readOrgState } from '../../shared/store/waiting.ts'
import { commandFor } from '../command-line.ts'
import { namedInCommands } from '../org.ts'
import { count, counted, moment } from '../render/format.ts'
import { railWords } from '../render/org.ts'
import { waitingSentences } from '../render/waiting.ts'
import { type Finding, fail, failed, ok, warn } from './finding.ts'

const PAUSE_CHECK = 'Paused'

/**
 * What holds the requests of the org; empty if nothing does. During a fault nothing is deleted. On
 * this machine's own Redis there are no workers.
 */
export async function checkWaiting(
  store: OrgStore,
  embedded: boolean,
): Promise<readonly Finding[]> {
  const { org } = store
  try {
    const state = await readOrgState(store)
    const named = await namedInCommands({ embedded }, store)
    return (embedded ? pauses(state.pause) : orgWaiting(state)).flatMap((one) => {
      const [found = ''] = waitingSentences([one], { org, named, embedded })
      switch (one.reason) {
        case 'no-worker':
          return [warn('Workers', found, 'Until then `submit` only stores requests.')]
        case 'paused':
          return [warn(PAUSE_CHECK, found, 'Ask whoever paused it before you resume.')]
        case 'fault':
          return [fail(PAUSE_CHECK, found, 'It ends by itself once the org answers again.')]
        case 'approval':
        case 'gathering':
        case 'places':
        case 'quota':
          return []
        default:
          throw new TypeError(`Unknown reason ${JSON.stringify(one satisfies never)}`)
      }
    })
  } catch (error) {
    return [failed(PAUSE_CHECK, error)]
  }
}

const QUOTA_CHECK = 'Quota'

/** Ingest jobs that wait because the rest of a daily allowance is reserved; empty if none does. */
export async function checkQuota({
  redis,
  ledger: { keys },
}: OrgStore): Promise<readonly Finding[]> {
  try {
    const state = await readQuotaState(redis, keys, await redisNow(redis))
    return PRIORITIES.flatMap((priority) => {
      const jobs = state.held[priority]
      return jobs === 0 ? [] : [warn(QUOTA_CHECK, heldWords(state, priority), HELD_ADVICE)]
    })
  } catch (error) {
    return [failed(QUOTA_CHECK, error)]
  }
}

const HELD_ADVICE =
  'They start by themselves. Priority `high` may use the reserve (docs/operations.md, The daily allowances).'

function heldWords(state: QuotaState, priority: Priority): string {
  const jobs = counted(state.held[priority], 'ingest job')
  const hold = quotaHold(state, priority)
  const wait = `${jobs} of priority ${priority} ${state.held[priority] === 1 ? 'waits' : 'wait'}`
  if (hold === null) return `${wait} for a worker to try again`
  const { limit, until } = hold
  const { remaining = 0, max = 0, booked = 0 } = state.allowances.get(limit) ?? {}
  const end = until === null ? 'other users of the org have used less' : moment(until)
  return `${wait} until ${end}: ${count(remaining)} of ${count(max)} ${QUOTA_WORDS[limit]} left, ${count(booked)} booked`
}

const QUOTA_WORDS: Readonly<Record<QuotaLimit, string>> = {
  DailyApiRequests: 'API calls',
  DailyBulkApiBatches: 'bulk batches',
}

const QUEUE_CHECK = 'Queues'

/**
 * BullMQ's own keys of a queue that hold anything but a hash. BullMQ allows a sender to use any of
 * these names as a job id: if the key was empty, the job is now stored there, and every command on
 * it fails.
 */
const NAMES = [
  ...['wait', 'paused', 'active', 'completed', 'failed', 'delayed', 'prioritized'],
  ...['waiting-children', 'marker', 'stalled', 'stalled-check', 'limiter', 'pc', 'id', 'events'],
  ...['repeat'],
]

/** Jobs that no worker can take; empty if there are none. */
export async function checkQueues(store: OrgStore): Promise<readonly Finding[]> {
  try {
    return [...(await misplaced(store)), ...(await underWrongPrefix(store))]
  } catch (error) {
    return [failed(QUEUE_CHECK, error)]
  }
}

/** Jobs stored where a queue keeps something else. */
async function misplaced({ redis, ledger: { keys } }: OrgStore): Promise<readonly Finding[]> {
  const all = QUEUES.flatMap((queue) => NAMES.map((name) => keys.job(queue, name)))
  const types = await Promise.all(all.map((key) => redis.type(key)))
  return all.filter((_, at) => types[at] === 'hash').map(occupied)
}

/** Jobs whose sender left out the braces of the prefix. */
async function underWrongPrefix({
  redis,
  ledger: { keys },
}: OrgStore): Promise<readonly Finding[]> {
  const queue = `${keys.prefix.replace(/[{}]/g, '')}:requests`
  const states = ['wait', 'prioritized', 'delayed']
  // A user with access to our keys only cannot see these.
  const types = await Promise.all(
    states.map((state) => redis.type(`${queue}:${state}`).catch(() => 'none')),
  )
  if (types.every((type) => type === 'none')) return []
  const advice = `Add them with the prefix ${keys.prefix}, braces and all (see docs/bullmq.md).`
  return [warn(QUEUE_CHECK, `jobs wait in ${queue}, where no worker looks`, advice)]
}

function occupied(key: string): Finding {
  const advice = `Add the job again under an id that begins with r-, after: DEL '${key}'`
  return fail(QUEUE_CHECK, `a job was added under the id of BullMQ's own key ${key}`, advice)
}

/** Whether this configuration's guard rails are the ones in force for the org. */
export async function checkRails(
  config: Config,
  { org, ledger }: OrgStore,
): Promise<readonly Finding[]> {
  const check = config.orgs.size === 1 ? 'Guard rails' : `Guard rails (${org})`
  const own = config.orgs.get(org)
  // On an embedded server each run's configuration applies.
  if (own === undefined || config.redis === null) return []
  try {
    const known = await ledger.rails()
    if (known === null) return [ok(check, 'none in Redis yet: the first worker brings its own')]
    const changes = railChanges(known.rails, railsOf(config, own))
    if (changes.length === 0) return [ok(check, 'as in Redis')]
    const advice = `Look at them with ${commandFor('policy', { org })}; --apply sets the org's to these.`
    return changes.map(({ setting, before, after }) =>
      warn(check, `${setting} is ${railWords(before)} in Redis, here ${railWords(after)}`, advice),
    )
  } catch (error) {
    return [failed(check, error)]
  }
}
