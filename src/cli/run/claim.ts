import type { Config } from '../../shared/config/config.ts'
import { openResultsStore } from '../../shared/results/open.ts'
import {
  claimOrg,
  claimResultsStore,
  IdentityError,
  untieResultsStore,
} from '../../shared/store/identity.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { saveQuota } from '../../shared/store/quota.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import { reportWaitingRequests } from '../at-work.ts'
import { UsageError } from '../cli.ts'
import { shellQuoted } from '../command-line.ts'
import type { CommandRedis } from '../redis.ts'
import type { RunSession } from './session.ts'

/** An org that this process is logged in to, and its ledger. */
interface Claiming extends Pick<RunSession, 'cli' | 'config' | 'facts'> {
  readonly redis: CommandRedis
  readonly store: OrgStore
}

/** Makes the worker's checks before anything is submitted to the ledger of another org. */
export async function claimHere(
  { cli, config, redis, facts, store }: Claiming,
  request: RunSession['request'],
): Promise<void> {
  // `./results` differs from folder to folder. An unfinished request keeps the tie, because its
  // parts are there.
  if (redis.embedded) await untieResultsStore(store)
  await reportWaitingRequests(store, request, redis, cli.screen)
  try {
    const results = await openResultsStore(config.results)
    await claimResultsStore(store, results).finally(() => results.close())
    await claimOrg(store, facts.identity.orgId)
    if (facts.limits !== null) {
      const { connection, ledger } = store
      await saveQuota(connection, ledger.keys, facts.limits, await redisNow(store.redis))
    }
  } catch (error) {
    if (!redis.embedded || !(error instanceof IdentityError)) throw error
    const at = (await store.ledger.identity())?.resultsAt ?? null
    throw withAdvice(error, config, at)
  }
}

/** Adds advice for a single machine: the directory of the earlier run. */
function withAdvice(
  error: IdentityError,
  { results }: Config,
  at: string | null,
): IdentityError | UsageError {
  if (error.code === 'OTHER_ORG') return error
  const there =
    at === null ? 'from the directory where it was started' : `with --results ${shellQuoted(at)}`
  const hint = `An unfinished request keeps its results in another place than ${results.path}. See \`expunge list\`, and resume the request ${there}.`
  return new UsageError(`${error.message} ${hint}`)
}
