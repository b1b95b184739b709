import { visible } from '../../shared/base/visible.ts'
import type { DeletionRequest } from '../../shared/contract/request.ts'
import { untieResultsStore } from '../../shared/store/identity.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { commandFor, howToGoOn } from '../commandline.ts'
import { hasWorker, type RedisHere } from '../redis.ts'
import { counted } from '../render/numbers.ts'
import type { Screen } from '../screen.ts'

const SHOWN = 5

/**
 * Says which other requests are unfinished and wait: this run does not go on with them. Where
 * workers are there, none waits for a run.
 */
export async function tellOthers(
  store: OrgStore,
  { id, org }: DeletionRequest,
  { embedded }: RedisHere,
  { say, paintSay }: Screen,
): Promise<void> {
  if (!embedded && (await hasWorker(store)) !== false) return
  const others = (await store.ledger.liveIds()).filter((other) => other !== id.toLowerCase())
  const results = (await store.ledger.identity())?.resultsAt ?? undefined
  const sign = paintSay('yellow', '!')
  for (const other of others.slice(0, SHOWN)) {
    const record = await store.ledger.load(other).catch(() => null)
    if (record === null) continue
    const { request, status } = record
    const goOn = embedded ? howToGoOn(request.id, results) : 'start a worker'
    say(
      `${sign} Request ${request.id} (${visible(request.object)}, ${status}) is not finished. It waits: this run ` +
        `works on its own request alone. To go on with it, ${goOn}; to end it: ${commandFor(`cancel ${request.id}`, { org, results })}`,
    )
  }
  const more = others.length - SHOWN
  if (more > 0) say(`${sign} ${counted(more, 'more request')} wait: ${commandFor('list', { org })}`)
}

/**
 * Unties the embedded server from the results directory of earlier runs: `./results` is another one
 * in each folder. Not while a request is unfinished, for its parts lie there.
 */
export async function forgetResultsStore({ embedded }: RedisHere, store: OrgStore): Promise<void> {
  if (embedded) await untieResultsStore(store)
}
