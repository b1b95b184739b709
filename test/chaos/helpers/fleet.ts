import { setTimeout as delay } from 'node:timers/promises'
import type { Chaos } from './chaos.ts'
import { type Child, startChild } from './child.ts'
import type { Random } from './random.ts'

/** How long orchestrators let a process stop before they kill it, at the least. */
const LONGEST_EXIT_MS = 10_000

/** Worker processes: whichever ends is followed by another. */
export class Fleet {
  readonly #free: Berth[]

  constructor(size: number, chaos: Chaos, env: Readonly<Record<string, string>>) {
    this.#free = Array.from({ length: size }, () => new Berth(chaos, env))
  }

  /** Does something to one of them, to which nobody else does anything meanwhile. */
  async any(random: Random, deed: (berth: Berth) => Promise<void>): Promise<void> {
    const [berth] = this.#free.splice(random.from(0, this.#free.length - 1), 1)
    if (berth === undefined) return
    try {
      await deed(berth)
    } finally {
      this.#free.push(berth)
    }
  }

  /** SIGTERM to all of them at once, and none follows. */
  async leave(): Promise<void> {
    await Promise.all(this.#free.map((berth) => berth.terminate('and none follows')))
  }
}

/** A place in which there is always a worker. */
export class Berth {
  readonly #chaos: Chaos
  readonly #env: Readonly<Record<string, string>>
  readonly #doomed = new WeakSet<Child>()
  #worker: Child

  constructor(chaos: Chaos, env: Readonly<Record<string, string>>) {
    this.#chaos = chaos
    this.#env = env
    this.#worker = this.#start()
  }

  /** As the kernel does when memory runs out. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    this.#worker = this.#start()
  }

  /** As at every deploy. */
  async terminate(then: 'and another follows' | 'and none follows'): Promise<void> {
    const { tally, fail } = this.#chaos
    const began = performance.now()
    const child = await this.#end('SIGTERM')
    const took = performance.now() - began
    tally.took('SIGTERM to exit', took / 1000)
    if (took > LONGEST_EXIT_MS) fail(`exit ${Math.round(took)} ms after SIGTERM:\n${child.tail()}`)
    // One that has just begun has no handler yet, and the signal ends it without a code.
    const code = child.how?.code ?? 0
    if (code !== 0) fail(`exit code ${code} after SIGTERM:\n${child.tail()}`)
    if (then === 'and another follows') this.#worker = this.#start()
  }

  /** It stands still and knows nothing of it: when it wakes, its jobs may be another's. */
  async freeze(ms: number): Promise<void> {
    this.#worker.kill('SIGSTOP')
    await delay(ms)
    this.#worker.kill('SIGCONT')
  }

  /** It computes and hears nothing, no timer and no signal. */
  async block(ms: number): Promise<void> {
    this.#worker.send({ blockMs: ms })
    await delay(ms)
  }

  #start(): Child {
    const child = startChild(this.#chaos.scope, 'worker-process', this.#env)
    void child.ended.then(({ code, signal }) => {
      if (this.#doomed.has(child)) return
      this.#chaos.fail(`a worker ended by itself, code ${code}, ${signal}:\n${child.tail()}`)
    })
    return child
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<Child> {
    const child = this.#worker
    this.#doomed.add(child)
    child.kill(signal)
    await child.ended
    return child
  }
}
