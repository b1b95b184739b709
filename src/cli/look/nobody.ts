import { isRunAtWork } from '../../shared/store/presence.ts'
import { howToGoOn } from '../commandline.ts'
import { hasWorker } from '../redis.ts'
import type { OrgHere } from './visit.ts'

/** That nobody is there to work on the request, and what to do about it; null where somebody is. */
export async function nobodyAtWork(place: OrgHere, id: string): Promise<string | null> {
  const { redis, store } = place
  if (await isRunAtWork(store, id)) return null
  if (redis.embedded) {
    const results = (await store.ledger.identity())?.resultsAt ?? undefined
    return `No run is at work on it. To go on, ${howToGoOn(id, results)}`
  }
  return noWorker(place)
}

/** The same for all requests of the org that workers are to do. */
export async function noWorker({ org, redis, store }: OrgHere): Promise<string | null> {
  if (redis.embedded || (await hasWorker(store)) !== false) return null
  return (
    `No worker is at work for org "${org}": it goes on as soon as one is. ` +
    'One that runs is not at work before it has logged in; its log says why it waits.'
  )
}
