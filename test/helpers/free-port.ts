import { createServer } from 'node:net'

/**
 * A TCP port on which nothing listens (tcpmux). One that was free a moment ago may belong to another
 * test's server by now.
 */
export const CLOSED_PORT = 1

/** A TCP port that is free now; somebody else may take it before it is used. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('Expected a TCP port.')
  return address.port
}
