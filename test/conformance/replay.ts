import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenHere } from '../helpers/http-server.ts'

/** One request and its answer, as they were recorded. */
export interface Exchange {
  /**
   * Verb and path, as in `GET jobs/ingest/7505f000000EXAMAA4`: below `/services/data/v<version>/`, or
   * from the root where the path begins with `/`. A `*` stands for one segment of the path.
   */
  readonly request: string
  /** The body that the client must have sent. */
  readonly sent?: string
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** As it was on the wire; an object is sent as JSON. `{origin}` stands for this server. */
  readonly body?: string | object
  /** How many requests in a row get this answer; one where absent. */
  readonly times?: number
}

export interface Replay {
  readonly url: string
  /** Logins, whether or not the recording has their answers. */
  readonly logins: number
  /** Aborts, with the reason, at a request that is not the next one of the recording. */
  readonly departed: AbortSignal
  /** Exchanges that nobody has asked for. */
  readonly left: readonly string[]
}

const TOKEN = 'POST /services/oauth2/token'

/**
 * Answers requests with a recording, in its order. A login is answered with an access token wherever
 * the recording does not say otherwise.
 */
export async function startReplay(
  scope: { after(fn: () => Promise<void>): void },
  exchanges: readonly Exchange[],
  apiVersion: string,
): Promise<Replay> {
  const queue = exchanges.flatMap((one) => Array.from({ length: one.times ?? 1 }, () => one))
  const departed = new AbortController()
  let logins = 0
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url: target, headers } = request
    const name = nameOf(method, target, apiVersion)
    const [next] = queue
    const origin = `http://${headers.host}`
    const body = await text(request)
    if (name === TOKEN) logins++
    if (name === TOKEN && next?.request !== TOKEN) return send(response, login(logins), origin)
    const wrong = differenceOf(next, name, body)
    if (wrong === null && next !== undefined) {
      queue.shift()
      return send(response, next, origin)
    }
    departed.abort(new Error(`The client sent ${name}: ${wrong}.`))
    response.destroy()
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  const url = await listenHere(scope, server)
  return {
    url,
    departed: departed.signal,
    get logins() {
      return logins
    },
    get left() {
      return queue.map(({ request }) => request)
    },
  }
}

function nameOf(method = '', target = '', apiVersion = ''): string {
  const [path = ''] = target.split('?')
  const base = `/services/data/v${apiVersion}/`
  return `${method} ${path.startsWith(base) ? path.slice(base.length) : path}`
}

/** What is wrong about a request; null where it is the one that comes next. */
function differenceOf(next: Exchange | undefined, name: string, body: string): string | null {
  if (next === undefined) return 'the recording ends before'
  const segments = next.request.split('/')
  const asked = name.split('/')
  const isSame =
    segments.length === asked.length &&
    segments.every((segment, index) => segment === '*' || segment === asked[index])
  if (!isSame) return `the recording goes on with ${next.request}`
  if (next.sent === undefined || next.sent === body) return null
  return `the recording has the body ${JSON.stringify(next.sent)}, came ${JSON.stringify(body)}`
}

function send(
  response: ServerResponse,
  { status, headers, body }: Omit<Exchange, 'request'>,
  origin: string,
): void {
  const isJson = typeof body === 'object'
  response.writeHead(status, {
    ...(isJson ? { 'content-type': 'application/json;charset=UTF-8' } : {}),
    ...headers,
  })
  response.end((isJson ? json(body) : (body ?? '')).replaceAll('{origin}', origin))
}

/** Salesforce writes an API version as a number with a decimal place. */
function json(body: object): string {
  return JSON.stringify(body).replace(/("apiVersion":\d+)(?=[,}])/g, '$1.0')
}

function login(count: number): Omit<Exchange, 'request'> {
  return {
    status: 200,
    body: {
      access_token: `00D5f000004XZjp!AQ4.token${count}`,
      signature: 'c2lnbmF0dXJl',
      scope: 'api',
      instance_url: '{origin}',
      id: 'https://login.salesforce.com/id/00D5f000004XZjpEAG/0055f000008EXAMAA4',
      token_type: 'Bearer',
      issued_at: '1767389623000',
    },
  }
}
