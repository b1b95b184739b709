import { z } from 'zod'
import { ExpungeError } from '../base/errors.ts'
import type { ResultsStore } from '../results/results-store.ts'
import { runScript, script } from './ledger/script.ts'
import type { OrgStore } from './org-store.ts'

/**
 * An org name in Redis belongs permanently to one Salesforce org and one results store: ids planned
 * for one org must not be deleted in another, and all processes must find the receipts in one
 * place.
 */
export class IdentityError extends ExpungeError {
  readonly code: 'OTHER_ORG' | 'OTHER_RESULTS_STORE'

  constructor(code: 'OTHER_ORG' | 'OTHER_RESULTS_STORE', message: string) {
    super(message)
    this.code = code
  }
}

const CLAIM = script(
  'claim',
  { keys: ['identity'], args: ['org'] },
  `
redis.call('HSETNX', identity, 'orgId', org)
return redis.call('HGET', identity, 'orgId')
`,
)

/** Ties the ledger of an org to the Salesforce org of the first login. */
export async function claimOrg(store: OrgStore, orgId: string): Promise<void> {
  const { connection, ledger, org } = store
  const { identity } = ledger.keys
  const owner = await runScript(connection, CLAIM, { identity, org: orgId })
  // Reads the identity again, so that a later mismatch error can name it.
  await connection.verify()
  if (owner === orgId) return
  throw new IdentityError(
    'OTHER_ORG',
    `Org "${org}" in this Redis belongs to Salesforce org ${owner}, but the login is to ${orgId}. ` +
      'Nothing was done. Use other credentials, or another org name for the other org.',
  )
}

const DESCRIBE = script(
  'describe-org',
  { keys: ['identity'], args: ['about'] },
  `redis.call('HSET', identity, 'about', about) return 'ok'`,
)

const aboutSchema = z.object({
  isSandbox: z.boolean().nullable(),
  name: z.string().nullable(),
  orgId: z.string(),
  instanceUrl: z.string(),
})
/** What an org is, for people who approve without a login. */
type OrgAbout = Readonly<z.output<typeof aboutSchema>>

/** Records what the org of the last login is. */
export async function describeOrg(
  { connection, ledger }: OrgStore,
  { isSandbox, name, orgId, instanceUrl }: OrgAbout,
): Promise<void> {
  const about = JSON.stringify({ isSandbox, name, orgId, instanceUrl })
  await runScript(connection, DESCRIBE, { identity: ledger.keys.identity, about })
}

/** Null if no process has logged in to the org yet. */
export async function aboutOrg({ connection, ledger, redis }: OrgStore): Promise<OrgAbout | null> {
  const json = await connection.verified(redis.hget(ledger.keys.identity, 'about'))
  return json === null ? null : aboutSchema.parse(JSON.parse(json))
}

/** Ties the ledger of an org to the results store of the first process. */
export async function claimResultsStore(store: OrgStore, results: ResultsStore): Promise<void> {
  const { org } = store
  const { identity } = store.ledger.keys
  const answer = await runScript(store.connection, CLAIM_RESULTS, {
    identity,
    results: results.id,
    place: results.place,
  })
  const [owner, at] = z.tuple([z.string(), z.string().nullable()]).parse(answer)
  // Reads the identity again, so that a later mismatch error can name it.
  await store.connection.verify()
  if (owner === results.id) return
  const place = at === null ? `store ${owner}` : `${at}, store ${owner}`
  throw new IdentityError(
    'OTHER_RESULTS_STORE',
    `Org "${org}" in this Redis keeps its results in ${place}, but ${results.place} is store ` +
      `${results.id}. Every process must share one results store: set EXPUNGE_RESULTS to it.`,
  )
}

// If processes use different paths for one store, the last one is kept; it is only shown to people.
const CLAIM_RESULTS = script(
  'claim-results',
  { keys: ['identity'], args: ['results', 'place'] },
  `
redis.call('HSETNX', identity, 'results', results)
local owner = redis.call('HGET', identity, 'results')
if owner == results then redis.call('HSET', identity, 'resultsAt', place) end
return { owner, redis.call('HGET', identity, 'resultsAt') }
`,
)

const UNTIE = script(
  'untie-results',
  { keys: ['identity', 'live'] },
  `
if redis.call('ZCARD', live) > 0 then return 'kept' end
redis.call('HDEL', identity, 'results', 'resultsAt')
return 'untied'
`,
)

/**
 * Unties the ledger from its results store; for a process that has the ledger to itself. An
 * unfinished request keeps the tie, because its parts are in that store.
 */
export async function untieResultsStore({ connection, ledger }: OrgStore): Promise<void> {
  const { identity, live } = ledger.keys
  await runScript(connection, UNTIE, { identity, live })
}
