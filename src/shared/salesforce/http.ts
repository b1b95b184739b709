import type { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { readError, readJson } from './answer.ts'
import { SalesforceError } from './errors.ts'
import { retrying } from './retry.ts'
import type { Access, Session } from './session.ts'
import { stalenessOf } from './staleness.ts'
import type { Answer, Exchange, Transport } from './transport.ts'

/** A call by its path: below `/services/data/v<version>/`, or from the host where it begins with /. */
interface Call extends Omit<Exchange, 'url' | 'token'> {
  readonly path: string
}

/**
 * Calls with a login: a refused token is renewed once, so is the access to a host that the org may
 * have left; safe verbs are repeated, errors are typed.
 */
export interface Http {
  /**
   * What `read` makes of a success. It is a part of the call: what it throws tells of the access, and
   * is tried again, as an answer of any other status. @throws {SalesforceError}
   */
  read<T>(call: Call, read: (answer: Answer) => Promise<T>): Promise<T>
  /** The body of a success, checked. @throws {SalesforceError} */
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

  const run = <T>(call: Call, read: (answer: Answer) => Promise<T>): Promise<T> => {
    // Any other verb may have taken effect before its answer was lost.
    const safe = call.method === 'GET' || call.method === 'DELETE'
    const tryWith = async (access: Access): Promise<T> => {
      const value = await read(await once(call, access))
      session.confirm(access)
      return value
    }
    /** A login has tries of its own: to repeat the call around it would multiply them. */
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
        const fresh = await login(
          staleness === 'refused'
            ? session.renew(access, call.signal)
            : session.doubt(access, call.signal),
        )
        if (fresh === null) throw error
        renewed = true
        // An upload's stream is spent, and a doubtful call may have taken effect: whoever owns it
        // begins again, with the new access. So does the next try of one that is tried again anyway.
        const isOurs = staleness === 'refused' ? !call.csv : safe && !isTransient(error)
        if (!isOurs) throw error
        return await tryWith(fresh)
      }
    }
    if (!safe) return attempt()
    return retrying(clock, call.signal, attempt, (error) => error === failedLogin)
  }

  return {
    read: run,
    json: (call, schema) => run(call, (answer) => readJson(answer, schema)),
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof SalesforceError && error.transient
}

/** True where the API has refused the call for what it asks, so that it is there. */
function isAnswer(error: unknown): boolean {
  return error instanceof SalesforceError && error.kind !== 'org-fault'
}
