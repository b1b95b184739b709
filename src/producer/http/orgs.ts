import { closeEach } from '../../shared/base/shutdown.ts'
import type { ResultsStore } from '../../shared/results/results.ts'
import { claimResultsStore } from '../../shared/store/identity.ts'
import { orgKeys } from '../../shared/store/ledger/keys.ts'
import { type OrgStore, openOrgStore } from '../../shared/store/org-store.ts'
import type { RedisClient } from '../../shared/store/redis/redis.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import { HttpError } from './problem.ts'

/** The orgs that this Redis has. */
export interface Orgs {
  /**
   * @throws HttpError `UNKNOWN_ORG`: what is submitted to a mistyped org would wait for ever
   * @throws IdentityError where its result files are kept elsewhere
   */
  open(name: string): Promise<OrgStore>
  /** Those that were opened so far. */
  known(): readonly OrgStore[]
  close(): Promise<void>
}

interface OrgsOptions {
  readonly redis: RedisClient
  /** Orgs of the configuration. Others are known once a worker has worked for them. */
  readonly configured: readonly string[]
  readonly results: ResultsStore
  readonly onError: (error: Error) => void
}

export function createOrgs({ redis, configured, results, onError }: OrgsOptions): Orgs {
  const stores = new Map<string, OrgStore>()
  const known = new Set<string>()
  const storeOf = (name: string): OrgStore => {
    const store = stores.get(name) ?? openOrgStore(redis, name, onError)
    stores.set(name, store)
    return store
  }
  return {
    open: (name) =>
      explained(async () => {
        if (known.has(name)) return storeOf(name)
        if (!configured.includes(name)) await assertWorkedFor(redis, name)
        const store = storeOf(name)
        await claimResultsStore(store, results)
        known.add(name)
        return store
      }),
    known: () => [...stores.values()],
    close: () => closeEach(stores.values(), (store) => store.close()),
  }
}

async function assertWorkedFor(redis: RedisClient, name: string): Promise<void> {
  if ((await redis.hexists(orgKeys(name).identity, 'orgId')) === 1) return
  throw new HttpError(
    'UNKNOWN_ORG',
    `No org "${name}" is known here: neither this service's configuration has it, nor has a worker ever logged in to it.`,
  )
}
