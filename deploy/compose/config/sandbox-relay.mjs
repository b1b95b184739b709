// Only for the profile `sandbox`; sandbox.env loads it into the workers. Workers send a login without
// TLS only to their own loopback address. The sandbox has no TLS and runs in another container, so this
// forwards its port from the loopback address.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const PORT = 8090

const server = createServer((near) => {
  const far = connect(PORT, 'sandbox')
  near.on('error', () => far.destroy()).on('close', () => far.destroy())
  far.on('error', () => near.destroy()).on('close', () => near.destroy())
  near.pipe(far).pipe(near)
})
server.unref()
server.listen(PORT, '127.0.0.1')
try {
  await once(server, 'listening')
} catch (error) {
  // Another process of this container has it, as where this one is only the health check.
  if (error.code !== 'EADDRINUSE') throw error
}
