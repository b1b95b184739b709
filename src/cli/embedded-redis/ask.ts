import { connect } from 'node:net'

/** Where a server listens. */
export type RedisAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number }

/**
 * Sends one command, whose text must be trusted, and returns the raw reply: the text of a simple or
 * bulk string, or an error with its leading `-`. Empty if the server closed the connection instead,
 * as on SHUTDOWN.
 *
 * Uses a plain socket instead of a client: a client queues, waits while a server loads, and
 * reconnects, and callers want to detect exactly these states.
 *
 * @throws if nobody listens, or no answer came in time.
 */
export async function askRedis(
  address: RedisAddress,
  command: string,
  timeoutMs = 2_000,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(address)
  let answer = ''
  socket.setEncoding('utf8').setTimeout(timeoutMs)
  socket.on('connect', () => socket.write(`${command}\r\n`))
  socket.on('data', (text: string) => {
    answer += text
    const reply = parseReply(answer)
    if (reply !== null) resolve(reply)
  })
  socket.on('error', reject)
  socket.on('timeout', () => reject(new Error(`no answer to ${command} in ${timeoutMs} ms`)))
  socket.on('close', () => resolve(''))
  return await promise.finally(() => socket.destroy())
}

/** Which server listens there, even while it loads; null if none does or answers. */
export async function serverInfo(
  address: RedisAddress,
): Promise<{ readonly pid: number; readonly version: string } | null> {
  const info = await askRedis(address, 'INFO server', 1_000).catch(() => '')
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
  const pid = Number(field('process_id'))
  // Valkey also reports the Redis version that it is compatible with.
  const version = field('valkey_version') ?? field('redis_version')
  return pid > 0 && version !== undefined ? { pid, version } : null
}

/** Null while the reply is incomplete. */
function parseReply(text: string): string | null {
  const bulk = /^[$=](\d+)\r\n/.exec(text)
  if (bulk !== null) {
    const [header, length] = bulk
    const body = text.slice(header.length)
    return body.length >= Number(length) ? body.slice(0, Number(length)) : null
  }
  return /^([+:]|(?=-))([^\r]*)\r\n/.exec(text)?.[2] ?? null
}
