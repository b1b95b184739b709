import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import { readError, readJson } from './answer.ts'
import { SalesforceError } from './errors.ts'
import { retrying } from './retry.ts'
import type { Access, Session } from './session.ts'
import type { Answer, Exchange, Transport } from './transport.ts'

/** A call by its path: below `/services/data/v<version>/`, or from the host where it begins with /. */
export interface Call extends Omit<Exchange, 'url' | 'token'> {
  readonly path: string
}

/** Calls with a login: a refused token is renewed once, safe verbs are repeated, errors are typed. */
export interface Http {
  /** The answer of a success, its body unread. @throws {SalesforceError} */
  send(call: Call): Promise<Answer>
  /** The body of a success, checked. @throws {SalesforceError} */
  json<T>(call: Call, schema: z.ZodType<T>): Promise<T>
}

export interface HttpOptions {
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
    let renewed = false
    const attempt = async (): Promise<T> => {
      const access = await session.access(call.signal)
      try {
        return await read(await once(call, access))
      } catch (error) {
        if (renewed || !isExpired(error)) throw error
        renewed = true
        const fresh = await session.renew(access, call.signal)
        // An upload's stream is spent: whoever owns it begins again, with the new token.
        if (call.csv) throw error
        return await read(await once(call, fresh))
      }
    }
    // Any other verb may have taken effect before its answer was lost.
    const safe = call.method === 'GET' || call.method === 'DELETE'
    return safe ? retrying(clock, call.signal, attempt) : attempt()
  }

  return {
    send: (call) => run(call, async (answer) => answer),
    json: (call, schema) => run(call, (answer) => readJson(answer, schema)),
  }
}

/** Refusals that a new token would meet again. */
const NOT_THE_TOKEN = [
  'Connected app is not attached to Agent',
  'not valid for use with the REST API',
]

function isExpired(error: unknown): boolean {
  if (!(error instanceof SalesforceError)) return false
  const { httpStatus, message } = error
  // The userinfo endpoint says it with 403.
  const refused = httpStatus === 401 || message.includes('Bad_OAuth_Token')
  return refused && !NOT_THE_TOKEN.some((text) => message.includes(text))
}
