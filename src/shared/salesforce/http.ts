import type { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { readError, readJson } from './answer.ts'
import { callWithRetries } from './retry.ts'
import type { Access, Session } from './session.ts'
import type { Answer, Exchange, Transport } from './transport.ts'

/** A call by its path: below `/services/data/v<version>/`, or from the host where it begins with /. */
interface Call extends Omit<Exchange, 'url' | 'token'> {
  readonly path: string
}

/** Calls with a login, repeated by the policy of `retry.ts`; errors are typed. */
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
  const read: Http['read'] = (call, read) =>
    callWithRetries(call, { session, clock }, async (access) => read(await once(call, access)))
  return { read, json: (call, schema) => read(call, (answer) => readJson(answer, schema)) }
}
