import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What a relay does with what comes from now on. */
export type Weather =
  /** It passes everything on. */
  | 'fair'
  /** It accepts connections and bytes, and nothing ever comes back: a frozen server, a lost route. */
  | 'silent'
  /** It breaks every connection, those that are open too. */
  | 'broken'

/** A TCP relay between a client and a server, through which the server can be made to go away. */
export interface Relay {
  readonly port: number
  /** Blocks of bytes that came back from the server so far. */
  readonly answers: number
  turn(weather: Weather): void
  /** Turns once so many answers have passed, and resolves then; `first` answers still pass. */
  turnAfter(first: number, weather: Weather): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export async function startRelay(target: {
  readonly host: string
  readonly port: number
}): Promise<Relay> {
  const sockets = new Set<Socket>()
  let weather: Weather = 'fair'
  let answers = 0
  let plan: { readonly at: number; readonly weather: Weather; readonly done: () => void } | null =
    null
  const turn = (next: Weather) => {
    weather = next
    if (next === 'broken') for (const socket of sockets) socket.destroy()
  }
  const lookAtPlan = () => {
    if (plan === null || answers < plan.at) return
    turn(plan.weather)
    plan.done()
    plan = null
  }
  const server = createServer((near) => {
    sockets.add(near)
    near.on('error', () => {}).on('close', () => sockets.delete(near))
    if (weather === 'broken') {
      near.destroy()
      return
    }
    const far = connect(target)
    sockets.add(far)
    far
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(far)
        near.destroy()
      })
    near.on('close', () => far.destroy())
    near.on('data', (bytes) => {
      if (weather === 'fair') far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (weather !== 'fair') return
      near.write(bytes)
      answers++
      lookAtPlan()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('Expected a TCP port.')
  return {
    port: address.port,
    get answers() {
      return answers
    },
    turn,
    turnAfter: (first, next) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      plan = { at: answers + first, weather: next, done: resolve }
      lookAtPlan()
      return promise
    },
    [Symbol.asyncDispose]: async () => {
      turn('broken')
      server.close()
      await once(server, 'close')
    },
  }
}
