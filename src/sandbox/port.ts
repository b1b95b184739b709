import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** While somebody else has the port after an outage. */
const TRY_AGAIN_MS = 20

/** Where the sandbox listens. It can be shut for a while: then connections are refused. */
export class Port {
  readonly #server: Server
  readonly #host: string
  readonly #closing = new AbortController()
  #number: number

  constructor(server: Server, { host = '127.0.0.1', port = 0 }: { host?: string; port?: number }) {
    this.#server = server
    this.#host = host
    this.#number = port
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return `http://${host}:${this.#number}`
  }

  async open(): Promise<void> {
    this.#server.listen(this.#number, this.#host)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address) this.#number = address.port
  }

  /** Cuts all connections and refuses new ones for so long. One that is shut stays as it is. */
  async shut(ms: number): Promise<void> {
    if (!this.#server.listening) return
    this.#cut()
    await this.#pause(ms)
    while (!this.#closing.signal.aborted) {
      try {
        return await this.open()
      } catch {
        await this.#pause(TRY_AGAIN_MS)
      }
    }
  }

  close(): void {
    this.#closing.abort()
    this.#cut()
  }

  #cut(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }
}
