import { once } from 'node:events'
import type { Server } from 'node:http'

/**
 * Lets an HTTP server listen on a free loopback port until its test ends, with all connections.
 *
 * @returns its URL, as `http://127.0.0.1:4711`
 */
export async function listenHere(
  scope: { after(fn: () => Promise<void>): void },
  server: Server,
): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(async () => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('Expected a TCP port.')
  return `http://127.0.0.1:${address.port}`
}
