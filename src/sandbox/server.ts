import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { identify } from './call.ts'
import { Exchange, type ExchangeDeps } from './exchange.ts'
import { answered, type Reply, respond } from './reply.ts'

interface ServerDeps extends Omit<ExchangeDeps, 'outage'> {
  /** Answers under {@link CONTROL_PATH}; undefined if the control surface is off. */
  readonly control: ((request: IncomingMessage) => Promise<Reply>) | undefined
}

/** Everything below it is the sandbox's own, not Salesforce's. */
const CONTROL_PATH = '/__sandbox'

// Clients keep connections for a while; node's default of 5 s would close them during use.
const KEEP_ALIVE_MS = 65_000

/** Interval between attempts to listen again if another process took the port during an outage. */
const RETRY_MS = 20

/** The HTTP server of the sandbox. It can be closed for a while: then connections are refused. */
export class SandboxServer {
  readonly #server: Server
  readonly #host: string
  readonly #closing = new AbortController()
  #port: number

  constructor(deps: ServerDeps, { host, port }: { readonly host: string; readonly port: number }) {
    const exchangeDeps = { ...deps, outage: (ms: number) => void this.#shut(ms) }
    this.#server = createServer((request, response) => {
      void serve(request, response, deps.control, exchangeDeps)
    })
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS
    // No limit: an upload of 100 MB may be slow.
    this.#server.requestTimeout = 0
    this.#host = host
    this.#port = port
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return `http://${host}:${this.#port}`
  }

  async open(): Promise<void> {
    this.#server.listen(this.#port, this.#host)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address) this.#port = address.port
  }

  close(): void {
    this.#closing.abort()
    this.#cut()
  }

  /** Closes all connections and refuses new ones for this long. No effect while it is closed. */
  async #shut(ms: number): Promise<void> {
    if (!this.#server.listening) return
    this.#cut()
    await this.#pause(ms)
    while (!this.#closing.signal.aborted) {
      try {
        return await this.open()
      } catch {
        await this.#pause(RETRY_MS)
      }
    }
  }

  #cut(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  control: ServerDeps['control'],
  deps: ExchangeDeps,
): Promise<void> {
  try {
    if (control && request.url?.startsWith(CONTROL_PATH)) {
      await respond(response, await answered(control(request)), { gzip: false })
    } else await new Exchange(await identify(request), response, deps).run()
  } catch {
    // The client disconnected, so nobody can receive an error.
    response.destroy()
  }
}
