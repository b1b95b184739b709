import type { ResultsStore } from '../../shared/results/results-store.ts'
import { claimResultsStore } from '../../shared/store/identity.ts'
import { orgKeys } from '../../shared/store/ledger/keys.ts'
import type { OrgStore, openStores } from '../../shared/store/org-store.ts'
import type { RedisClient } from '../../shared/store/redis/redis.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import { HttpError } from './http-error.ts'

/** The orgs in this Redis. */
interface Orgs {
  /**
   * @throws HttpError `UNKNOWN_ORG`, because a request for a mistyped org would wait forever
   * @throws IdentityError if its result files are kept elsewhere
   */
  open(name: string): Promise<OrgStore>
  /** The orgs opened so far. */
  known(): readonly OrgStore[]
}

interface OrgsOptions {
  readonly stores: ReturnType<typeof openStores>
  /** Orgs of the configuration. Others are known once a worker has worked for them. */
  readonly configured: readonly string[]
  readonly results: ResultsStore
}

export function createOrgs({ stores, configured, results }: OrgsOptions): Orgs {
  const known = new Set<string>()
  return {
    open: (name) =>
      explained(async () => {
        if (known.has(name)) return stores.of(name)
        if (!configured.includes(name)) await assertWorkedFor(stores.redis, name)
        const store = stores.of(name)
        await claimResultsStore(store, results)
        known.add(name)
        return store
      }),
    known: stores.opened,
  }
}

async function assertWorkedFor(redis: RedisClient, name: string): Promise<void> {
  if ((await redis.hexists(orgKeys(name).identity, 'orgId')) === 1) return
  throw new HttpError(
    'UNKNOWN_ORG',
    `No org "${name}" is known here: neither this service's configuration has it, nor has a worker ever logged in to it.`,
  )
}
