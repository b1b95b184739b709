import type { OrgStore } from '../../shared/org-store.ts'
import { QUEUES } from '../../shared/queues.ts'
import { type Finding, fail, failed } from './finding.ts'

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

/** Jobs that lie where a queue keeps something else; nothing to say where there are none. */
export async function checkQueues(store: OrgStore): Promise<readonly Finding[]> {
  try {
    const { keys } = store.ledger
    const all = QUEUES.flatMap((queue) => NAMES.map((name) => keys.job(queue, name)))
    const types = await Promise.all(all.map((key) => store.redis.type(key)))
    return all.filter((_, at) => types[at] === 'hash').map(occupied)
  } catch (error) {
    return [failed(CHECK, error)]
  }
}

function occupied(key: string): Finding {
  const advice = `Add the job again under an id that begins with r-, after: DEL '${key}'`
  return fail(CHECK, `a job was added under the id of BullMQ's own key ${key}`, advice)
}
