import { ExpungeError } from './errors.ts'
import type { OrgStore } from './org-store.ts'
import type { ResultsStore } from './results.ts'

/**
 * A name in Redis stands for one Salesforce org and one results store, for ever: ids planned for
 * one org must not be deleted in another, and a receipt must lie where everybody looks.
 */
export class IdentityError extends ExpungeError {
  readonly code: 'OTHER_ORG' | 'OTHER_RESULTS_STORE'

  constructor(code: 'OTHER_ORG' | 'OTHER_RESULTS_STORE', message: string) {
    super(message)
    this.code = code
  }
}

/** Ties the keys of an org to the Salesforce org of the first login. */
export async function claimOrg({ org, redis, ledger }: OrgStore, orgId: string): Promise<void> {
  const owner = await claim(redis, ledger.keys.identity, orgId)
  if (owner === orgId) return
  throw new IdentityError(
    'OTHER_ORG',
    `Org "${org}" in this Redis belongs to Salesforce org ${owner}, but the login is to ${orgId}. ` +
      'Nothing was done. Use other credentials, or another org name for the other org.',
  )
}

/** Ties the keys of an org to the results store of the first process. */
export async function claimResultsStore(
  { org, redis, ledger }: OrgStore,
  results: ResultsStore,
): Promise<void> {
  const owner = await claim(redis, ledger.keys.resultsStore, results.id)
  if (owner === results.id) return
  throw new IdentityError(
    'OTHER_RESULTS_STORE',
    `Org "${org}" in this Redis keeps its results in store ${owner}, but ${results.directory} is store ` +
      `${results.id}. Every process must share one directory: set EXPUNGE_RESULTS to it.`,
  )
}

async function claim(redis: OrgStore['redis'], key: string, value: string): Promise<string> {
  await redis.setnx(key, value)
  return (await redis.get(key)) ?? value
}
