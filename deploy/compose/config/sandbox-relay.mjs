// For the profile `sandbox` alone; sandbox.env has it loaded into the workers. Workers send a login
// in the clear to their own loopback and nowhere else, and the sandbox speaks plain http in a
// container of its own: so its port is brought onto the loopback of this one.
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
