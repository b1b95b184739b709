import type { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { readError, readJson } from './answer.ts'
import { SalesforceError } from './errors.ts'
import { retrying, stalenessOf } from './retry.ts'
import type { Access, Session } from './session.ts'
import type { Answer, Transport } from './transport.ts'

/**
 * A call by its path: below `/services/data/v<version>/`, or from the host's root if it begins with
 * /.
 */
interface Call extends Omit<Parameters<Transport['exchange']>[0], 'url' | 'token'> {
  readonly path: string
}

/** Calls with a login, retried by the policy of `retry.ts`; errors are typed. */
export interface Http {
  /**
   * The result of `read` for a successful answer. It is part of the call: its errors are treated
   * like an answer with another status, including retries.
   * @throws {SalesforceError}
   */
  read<T>(call: Call, read: (answer: Answer) => Promise<T>): Promise<T>
  /** The validated body of a success. @throws {SalesforceError} */
  json<T>(call: Call, schema: z.ZodType<T>): Promise<T>
}

interface HttpOptions {
  readonly transport: Transport
  readonly session: Session
  readonly clock: Clock
  readonly apiVersion: string
}

export function createHttp({ transport, session, clock, apiVersion }: HttpOptions): Http {
  const once = async (call: Call, access: Access): Promise<Answer> => {
    const url = new URL(call.path, new URL(`/services/data/v${apiVersion}/`, access.instanceUrl))
    const answer = await transport.exchange({ ...call, url, token: access.token })
    if (answer.status >= 200 && answer.status < 300) return answer
    throw await readError(answer, clock, [access.token])
  }
  const read: Http['read'] = (call, read) =>
    callWithRetries(call, { session, clock }, async (access) => read(await once(call, access)))
  return { read, json: (call, schema) => read(call, (answer) => readJson(answer, schema)) }
}

/** What decides whether a call may be repeated. */
interface Repeated {
  readonly method: string
  /** A stream that the first attempt consumes. */
  readonly csv?: object | undefined
  readonly signal?: AbortSignal | undefined
}

/** Runs a call with the session's access, as often as the policy allows. */
function callWithRetries<T>(
  call: Repeated,
  { session, clock }: { readonly session: Session; readonly clock: Clock },
  once: (access: Access) => Promise<T>,
): Promise<T> {
  const isSafe = call.method === 'GET' || call.method === 'DELETE'
  const tryWith = async (access: Access): Promise<T> => {
    const value = await once(access)
    session.confirm(access)
    return value
  }
  /** A login has its own retries; repeating the call around it would multiply them. */
  let failedLogin: unknown
  const login = <A>(access: Promise<A>): Promise<A> =>
    access.catch((error: unknown) => {
      failedLogin = error
      throw error
    })
  let renewed = false
  const attempt = async (): Promise<T> => {
    const access = await login(session.access(call.signal))
    try {
      return await tryWith(access)
    } catch (error) {
      const staleness = stalenessOf(error)
      if (staleness === null && isAnswer(error)) session.confirm(access)
      if (staleness === null || renewed) throw error
      const renew = staleness === 'refused' ? session.renew : session.doubt
      const fresh = await login(renew(access, call.signal))
      if (fresh === null) throw error
      renewed = true
      // An upload's stream is consumed, and a doubtful call may have taken effect: its caller
      // starts over, with the new access. So does the next attempt of a call that is retried
      // anyway.
      const isOurs = staleness === 'refused' ? !call.csv : isSafe && !isTransient(error)
      if (!isOurs) throw error
      return await tryWith(fresh)
    }
  }
  if (!isSafe) return attempt()
  return retrying(clock, call.signal, attempt, (error) => error === failedLogin)
}

function isTransient(error: unknown): boolean {
  return error instanceof SalesforceError && error.transient
}

/** True if the API refused the call because of its content, which proves that the API is there. */
function isAnswer(error: unknown): boolean {
  return error instanceof SalesforceError && error.kind !== 'org-fault'
}
