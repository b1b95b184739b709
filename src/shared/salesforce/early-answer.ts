import type { Socket } from 'node:net'

type Done = (error?: Error | null) => void

const prepared = new WeakSet<Socket>()

/**
 * Delays a failed write until pending input of the socket was read. A server that refuses an upload
 * by its head answers and closes while we still send. On the EPIPE of the next write, Node would
 * discard the unread answer, with its 401 or 413.
 */
export function readBeforeFailing(socket: Socket): void {
  if (prepared.has(socket)) return
  prepared.add(socket)
  const write = socket._write.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, later(done))
  const writev = socket._writev?.bind(socket)
  if (writev) socket._writev = (chunks, done) => writev(chunks, later(done))
}

/** Two turns: the first may end the polling round in which the write failed. */
function later(done: Done): Done {
  return (error) => {
    if (error) setImmediate(() => setImmediate(() => done(error)))
    else done()
  }
}
