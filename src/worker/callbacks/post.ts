import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { parseRetryAfter } from '../../shared/base/backoff.ts'
import type { Clock } from '../../shared/base/clock.ts'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import { effect } from '../../shared/base/trace.ts'
import type { Allowance } from '../../shared/config/network.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import type { Status } from '../../shared/contract/status.ts'
import { AddressRefusedError, guard, type Resolve } from '../outbound/guard.ts'
import { isTransientStatus } from '../outbound/transient.ts'
import { signatureHeaders } from './signing.ts'

/** The content of a callback: a request has reached a status. Its JSON is a public contract. */
export interface CallbackEvent {
  /** The request's id. */
  readonly id: string
  readonly org: string
  readonly status: Status
  /** When the status was reached, in ISO 8601. */
  readonly at: string
  /** Only with a terminal status. */
  readonly receipt?: Receipt
}

/** The outcome of a callback. Only `unavailable` is worth another try. */
type Posted =
  | { readonly result: 'delivered'; readonly status: number }
  | { readonly result: 'refused-address'; readonly reason: string }
  | { readonly result: 'rejected'; readonly status: number; readonly reason: string }
  | {
      readonly result: 'unavailable'
      readonly reason: string
      /** The delay that the receiver asked for in Retry-After, in milliseconds. */
      readonly retryAfterMs: number | null
    }

interface PostOptions {
  readonly allow: readonly Allowance[]
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number
  readonly secrets: readonly string[]
  readonly clock: Clock
  readonly version?: string
  readonly resolve?: Resolve
  readonly signal?: AbortSignal
}

/**
 * The part of the answer's body that is read, so that the connection can end properly. It is not
 * used.
 */
const MOST_ANSWER_BYTES = 64 * 1024

const RULES = { subject: 'Callback to', remedy: 'name its host or network in callbacks.allow' }

/**
 * Sends one callback, once. Whatever the receiver does is a result, not an error.
 *
 * Uses Node's own client instead of got: exactly one request must be sent, on its own connection,
 * to an address that the guard has checked, without redirect, retry, cache or proxy. A proxy would
 * look up the name itself, unchecked.
 *
 * @throws the signal's reason if it aborts
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
    const destination = guard(url, { ...RULES, allow, resolve })
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
  { url, lookup, watch }: ReturnType<typeof guard>,
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
  // No shared agent: it may use a proxy, or a connection to an earlier address.
  open(url, { method: 'POST', agent: false, lookup, headers, signal })
    .on('socket', watch)
    .on('response', resolve)
    .on('error', reject)
    .end(body)
  const response = await promise
  const posted = judge(response, clock.now())
  await readToTheEnd(response)
  return posted
}

/**
 * The same for each try, so that a receiver can recognise repeats. Contains only characters that
 * are valid in a header.
 */
function eventId({ org, id, status }: CallbackEvent): string {
  return `${org}/${id}/${status}`
}

function judge({ statusCode: status = 0, headers }: IncomingMessage, now: number): Posted {
  if (status >= 200 && status < 300) return { result: 'delivered', status }
  const reason = `answered ${status}`
  if (isTransientStatus(status)) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], now)
    return { result: 'unavailable', reason, retryAfterMs }
  }
  const advice = status < 400 ? ', a redirect, which is not followed' : ''
  return { result: 'rejected', status, reason: reason + advice }
}

/** The status alone decides, even if reading the body fails. */
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

/**
 * Node's messages may contain addresses, but not the URL's path, which may contain a caller's
 * token.
 */
function wordsOf(error: unknown): string {
  return codeOf(error) ?? messageOf(error)
}
