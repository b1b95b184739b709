import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { parseRetryAfter } from '../../shared/base/backoff.ts'
import type { Clock } from '../../shared/base/clock.ts'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import { effect } from '../../shared/base/trace.ts'
import type { Allowance } from '../../shared/config/network.ts'
import type { Receipt, Status } from '../../shared/contract/receipt.ts'
import { AddressRefusedError, guard, type Resolve } from './guard.ts'
import { signatureHeaders } from './signing.ts'

/** What a callback tells: a request has reached a status. Its JSON is a published contract. */
export interface CallbackEvent {
  /** Of the request. */
  readonly id: string
  readonly org: string
  readonly status: Status
  /** When it was reached, in ISO 8601. */
  readonly at: string
  /** With a terminal status. */
  readonly receipt?: Receipt
}

/** How a callback went. Only `unavailable` may go better another time. */
type Posted =
  | { readonly result: 'delivered'; readonly status: number }
  | { readonly result: 'refused-address'; readonly reason: string }
  | { readonly result: 'rejected'; readonly status: number; readonly reason: string }
  | {
      readonly result: 'unavailable'
      readonly reason: string
      /** Milliseconds that the receiver asked for in Retry-After. */
      readonly retryAfterMs: number | null
    }

interface PostOptions {
  readonly allow: readonly Allowance[]
  /** Milliseconds for the whole exchange. */
  readonly timeoutMs: number
  readonly secrets: readonly string[]
  readonly clock: Clock
  readonly version?: string
  readonly resolve?: Resolve
  readonly signal?: AbortSignal
}

/** Of the answer's body, which nobody wants: read so that the connection can end in order. */
const MOST_ANSWER_BYTES = 64 * 1024

/**
 * Sends one callback, once. Whatever the receiver does is a result, never an error.
 *
 * By node's own client rather than by got: exactly one request has to go out, on a connection of its
 * own, to an address that the guard has seen, with no redirect, retry, cache or proxy in between. A
 * proxy would look the name up itself, where nobody could check.
 *
 * @throws the signal's reason where it aborts
 */
export async function postCallback(
  url: string,
  event: CallbackEvent,
  options: PostOptions,
): Promise<Posted> {
  const { allow, resolve, signal, timeoutMs } = options
  signal?.throwIfAborted()
  const timeout = AbortSignal.timeout(timeoutMs)
  const stop = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
  try {
    const destination = guard(url, allow, resolve)
    return await effect('callback:post', () => send(destination, event, options, stop))
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof AddressRefusedError) {
      return { result: 'refused-address', reason: error.message }
    }
    const reason = timeout.aborted ? `no answer within ${timeoutMs} ms` : wordsOf(error)
    return { result: 'unavailable', reason, retryAfterMs: null }
  }
}

async function send(
  { url, lookup }: ReturnType<typeof guard>,
  event: CallbackEvent,
  { secrets, clock, version }: PostOptions,
  signal: AbortSignal,
): Promise<Posted> {
  const body = JSON.stringify(event)
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': version === undefined ? 'expunge' : `expunge/${version}`,
    ...signatureHeaders({ url, event: eventId(event), body }, secrets, clock.now()),
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const open = url.protocol === 'https:' ? httpsRequest : httpRequest
  // Without an agent: those that are shared may go through a proxy, or to an address of before.
  open(url, { method: 'POST', agent: false, lookup, headers, signal })
    .on('response', resolve)
    .on('error', reject)
    .end(body)
  const response = await promise
  const posted = judge(response, clock.now())
  await readToTheEnd(response)
  return posted
}

/** The same for each try, so that a receiver knows what it has seen. Of header characters alone. */
function eventId({ org, id, status }: CallbackEvent): string {
  return `${org}/${id}/${status}`
}

function judge({ statusCode: status = 0, headers }: IncomingMessage, now: number): Posted {
  if (status >= 200 && status < 300) return { result: 'delivered', status }
  const reason = `answered ${status}`
  if (status >= 500 || TRY_AGAIN.has(status)) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], now)
    return { result: 'unavailable', reason, retryAfterMs }
  }
  const advice = status < 400 ? ', a redirect, which is not followed' : ''
  return { result: 'rejected', status, reason: reason + advice }
}

/** Of the 4xx, those that say "not now": Request Timeout, Too Early, Too Many Requests. */
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429])

/** The status has decided already, however the body ends. */
async function readToTheEnd(response: IncomingMessage): Promise<void> {
  let left = MOST_ANSWER_BYTES
  try {
    for await (const block of response) {
      left -= block.length
      if (left < 0) break
    }
  } catch {
  } finally {
    response.destroy()
  }
}

/** Node's words may hold addresses, but no path of the URL: there a caller's token may stand. */
function wordsOf(error: unknown): string {
  return codeOf(error) ?? messageOf(error)
}
