import type { OrgStore } from '../../shared/store/org-store.ts'
import { troubleOf } from '../../shared/store/redis/trouble.ts'
import type { RequestView } from '../producer.ts'
import type { ApiKey } from './api-key.ts'
import { mayRead } from './rights.ts'

/**
 * Shows views as a key may see them: without ids of requests that it may not read, which hold the
 * places that a request waits for. Each of those requests is loaded once, however many wait.
 */
export function seenBy(key: ApiKey, { ledger }: Pick<OrgStore, 'ledger'>) {
  const known = new Map<string, Promise<boolean>>()
  const maySee = (id: string): Promise<boolean> => {
    const answer = known.get(id) ?? isReadable(id)
    known.set(id, answer)
    return answer
  }
  const isReadable = async (id: string): Promise<boolean> => {
    try {
      const record = await ledger.load(id)
      return record !== null && mayRead(key, { ...record.request, ...record }) === null
    } catch (error) {
      if (troubleOf(error) !== null) throw error
      return false
    }
  }
  return async (view: RequestView): Promise<RequestView> => ({
    ...view,
    waiting: await Promise.all(
      view.waiting.map(async (one) => {
        if (one.reason !== 'places') return one
        const seen = await Promise.all(one.heldBy.map(({ id }) => maySee(id)))
        return { ...one, heldBy: one.heldBy.filter((_, at) => seen[at]) }
      }),
    ),
  })
}
