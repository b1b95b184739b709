import type { Producer } from '../../producer/producer.ts'
import { untieResultsStore } from '../../shared/identity.ts'
import type { OrgStore } from '../../shared/org-store.ts'
import type { Status } from '../../shared/receipt.ts'
import type { DeletionRequest } from '../../shared/request.ts'
import { visible } from '../../shared/visible.ts'
import type { RedisHere } from '../redis.ts'
import type { Screen } from '../screen.ts'

/** Enough to look through: what is unfinished is seldom old. */
const LOOKED_AT = 100

const GO_ON: readonly Status[] = ['queued', 'planning', 'deleting']

/** What an earlier run left unfinished goes on as soon as a worker is there: that is no secret. */
export async function tellOthers(
  producer: Producer,
  { id, org }: DeletionRequest,
  screen: Screen,
): Promise<void> {
  for (const other of await producer.list({ org, count: LOOKED_AT })) {
    if (other.id.toLowerCase() === id.toLowerCase() || !GO_ON.includes(other.status)) continue
    const what = other.stopping === null ? 'it goes on' : 'it is ended'
    screen.say(
      `${screen.paintSay('yellow', '!')} Request ${other.id} (${visible(other.request.object)}, ${other.status}) ` +
        `was begun earlier and is not finished: ${what} now, too.`,
    )
  }
}

/**
 * Unties the embedded server from the results directory of earlier runs: `./results` is another one
 * in each folder. Not while a request is unfinished, for its parts lie there.
 */
export async function forgetResultsStore({ embedded }: RedisHere, store: OrgStore): Promise<void> {
  if (embedded) await untieResultsStore(store)
}
