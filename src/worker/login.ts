import { messageOf } from '../shared/errors.ts'
import type { Identity, Salesforce } from '../shared/salesforce/client.ts'
import { SalesforceError } from '../shared/salesforce/errors.ts'
import type { Context } from './context.ts'
import { retryDelay } from './ingest/poll.ts'

/**
 * The first login of a worker, however long it takes. It pauses nobody: that this worker is not let
 * in says nothing of those that are.
 *
 * @throws WrongOrgError
 */
export async function login(salesforce: Salesforce, ctx: Context): Promise<Identity> {
  for (let failures = 0; ; failures++) {
    try {
      return await salesforce.login(ctx.signal)
    } catch (error) {
      ctx.signal.throwIfAborted()
      if (!(error instanceof SalesforceError) || !error.retryable) throw error
      ctx.log.error({ err: error }, `Login failed, trying again: ${messageOf(error)}`)
      await ctx.clock.sleep(
        Math.max(error.retryAfterMs ?? 0, retryDelay(failures, Math.random())),
        ctx.signal,
      )
    }
  }
}
