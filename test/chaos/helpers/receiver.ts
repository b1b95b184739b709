import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { Random } from './random.ts'
import type { Scope } from './scope.ts'

/** Somebody's server that is told how requests go, and is not always well. */
export interface Receiver {
  readonly origin: string
  urlFor(id: string): string
  /** From now on it takes whatever comes. */
  heal(): void
  /** What it has taken of a request, as statuses. */
  heard(id: string): ReadonlySet<string>
}

const toldSchema = z.object({ id: z.string(), status: z.string() })

export async function startReceiver(scope: Scope, random: Random): Promise<Receiver> {
  const heard = new Map<string, Set<string>>()
  let isWell = false
  const server = createServer(async (request, response) => {
    try {
      const told = toldSchema.parse(JSON.parse(await text(request)))
      if (!isWell && random.chance(0.2)) return void response.writeHead(503).end()
      if (!isWell && random.chance(0.1)) return void request.destroy()
      const statuses = heard.get(told.id) ?? new Set()
      heard.set(told.id, statuses.add(told.status))
      response.writeHead(204).end()
    } catch {
      response.destroy()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('Expected a TCP port.')
  const origin = `http://127.0.0.1:${address.port}`
  return {
    origin,
    urlFor: (id) => `${origin}/${id}`,
    heal: () => {
      isWell = true
    },
    heard: (id) => heard.get(id) ?? new Set(),
  }
}
