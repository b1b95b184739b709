import type { RefusedError } from '../shared/errors.ts'
import { OBJECT_NAME } from '../shared/objects.ts'
import {
  bodyHash,
  parseRequest,
  REQUEST_ID,
  type StoredRequest,
  toStored,
} from '../shared/request.ts'
import type { Context } from './context.ts'
import { endRequest, type SettleDeps } from './settle.ts'

/**
 * A job that came by BullMQ and cannot be read as a request still ends with a receipt: whoever
 * enqueued it looks there. What could be read of it is kept, the rest is in the message.
 *
 * @returns the id of the request, given or generated, and what became of it
 */
export async function refuseUnread(
  data: Readonly<Record<string, unknown>>,
  error: RefusedError,
  deps: SettleDeps,
  ctx: Context,
): Promise<{ request: string; status: 'refused' | 'conflict' | 'gone' }> {
  const { ledger, org } = deps.store
  const request = legible(data, org, ctx.clock.now())
  const hash = bodyHash({ ...request, reason: error.message }, null)
  const entered = await ledger.accept({
    request,
    bodyHash: hash,
    staged: null,
    submittedAt: ctx.clock.now(),
  })
  const record = await ledger.load(request.id)
  if (record === null || entered === 'conflict' || entered === 'gone') {
    ctx.log.error(
      { request: request.id },
      `A request was refused, and its id is taken: ${error.message}`,
    )
    const status = entered === 'gone' ? 'gone' : 'conflict'
    return { request: request.id, status }
  }
  await endRequest(
    record,
    { status: 'refused', from: ['queued'], error: { code: error.code, message: error.message } },
    deps,
    ctx,
  )
  return { request: request.id, status: 'refused' }
}

function legible(data: Readonly<Record<string, unknown>>, org: string, now: number): StoredRequest {
  const { id, object } = data
  return toStored(
    parseRequest(
      {
        ...(typeof id === 'string' && REQUEST_ID.test(id) ? { id } : {}),
        org,
        object: typeof object === 'string' && OBJECT_NAME.test(object) ? object : 'unknown',
        source: { type: 'ids', ids: [] },
      },
      now,
    ),
  )
}
