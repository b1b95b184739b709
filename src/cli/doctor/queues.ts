import type { OrgStore } from '../../shared/store/org-store.ts'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import { type Finding, fail, failed, warn } from './finding.ts'

const CHECK = 'Queues'

/**
 * BullMQ's own keys of a queue that hold anything but a hash. It lets a sender give a job any of these
 * names for its id: where the key was empty, the job lies there now, and every command on it fails.
 */
const NAMES = [
  ...['wait', 'paused', 'active', 'completed', 'failed', 'delayed', 'prioritized'],
  ...['waiting-children', 'marker', 'stalled', 'stalled-check', 'limiter', 'pc', 'id', 'events'],
  ...['repeat'],
]

/** Jobs that no worker can take; nothing to say where there are none. */
export async function checkQueues(store: OrgStore): Promise<readonly Finding[]> {
  try {
    return [...(await misplaced(store)), ...(await astray(store))]
  } catch (error) {
    return [failed(CHECK, error)]
  }
}

/** Jobs that lie where a queue keeps something else. */
async function misplaced({ redis, ledger: { keys } }: OrgStore): Promise<readonly Finding[]> {
  const all = QUEUES.flatMap((queue) => NAMES.map((name) => keys.job(queue, name)))
  const types = await Promise.all(all.map((key) => redis.type(key)))
  return all.filter((_, at) => types[at] === 'hash').map(occupied)
}

/** Jobs whose sender left out the braces of the prefix. */
async function astray({ redis, ledger: { keys } }: OrgStore): Promise<readonly Finding[]> {
  const queue = `${keys.prefix.replace(/[{}]/g, '')}:requests`
  const states = ['wait', 'prioritized', 'delayed']
  // A user who is let in to our keys alone is told nothing.
  const types = await Promise.all(
    states.map((state) => redis.type(`${queue}:${state}`).catch(() => 'none')),
  )
  if (types.every((type) => type === 'none')) return []
  const advice = `Add them with the prefix ${keys.prefix}, braces and all (see docs/bullmq.md).`
  return [warn(CHECK, `jobs wait in ${queue}, where no worker looks`, advice)]
}

function occupied(key: string): Finding {
  const advice = `Add the job again under an id that begins with r-, after: DEL '${key}'`
  return fail(CHECK, `a job was added under the id of BullMQ's own key ${key}`, advice)
}
