import { setTimeout as delay } from 'node:timers/promises'
import type { Chaos } from './chaos.ts'
import { type Child, type Entry, startChild } from './child.ts'
import type { Random } from './random.ts'

/** How long orchestrators let a process stop before they kill it, at the least. */
const LONGEST_EXIT_MS = 10_000
/** As orchestrators do with a process that ends by itself. */
const RESTART_AFTER_MS = 500

/** How the processes of a fleet are started. */
export interface Outfit {
  readonly entry: Entry
  /** `n` tells them apart. */
  env(n: number): Readonly<Record<string, string>>
  /** Whether one may refuse to work now, and end: then another is started a moment later. */
  mayRefuse(): boolean
}

/** Processes of one kind: whichever ends is followed by another. */
export class Fleet {
  readonly #free: Berth[]

  constructor(size: number, chaos: Chaos, outfit: Outfit) {
    this.#free = Array.from({ length: size }, (_, n) => new Berth(n, chaos, outfit))
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

/** A place in which there is always a process. */
export class Berth {
  readonly #number: number
  readonly #chaos: Chaos
  readonly #outfit: Outfit
  readonly #doomed = new WeakSet<Child>()
  #child: Child

  constructor(number: number, chaos: Chaos, outfit: Outfit) {
    this.#number = number
    this.#chaos = chaos
    this.#outfit = outfit
    this.#child = this.#start()
  }

  /** As the kernel does when memory runs out. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    this.#child = this.#start()
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
    if (code !== 0 && !this.#outfit.mayRefuse()) {
      fail(`exit code ${code} after SIGTERM:\n${child.tail()}`)
    }
    if (then === 'and another follows') this.#child = this.#start()
  }

  /** It stands still and knows nothing of it: when it wakes, its jobs may be another's. */
  async freeze(ms: number): Promise<void> {
    this.#child.kill('SIGSTOP')
    await delay(ms)
    this.#child.kill('SIGCONT')
  }

  /** It computes and hears nothing, no timer and no signal. */
  async block(ms: number): Promise<void> {
    this.#child.send({ blockMs: ms })
    await delay(ms)
  }

  #start(): Child {
    const { scope, fail, tally, signal: over } = this.#chaos
    const { entry, env, mayRefuse } = this.#outfit
    const child = startChild(scope, entry, env(this.#number))
    void child.ended.then(async ({ code, signal }) => {
      if (this.#doomed.has(child) || over.aborted) return
      if (code === 0 || !mayRefuse()) {
        fail(`${entry} ended by itself, code ${code}, ${signal}:\n${child.tail()}`)
      }
      tally.fault(`${entry} refused to work`)
      await delay(RESTART_AFTER_MS)
      if (this.#child === child && !this.#doomed.has(child)) this.#child = this.#start()
    })
    return child
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<Child> {
    const child = this.#child
    this.#doomed.add(child)
    child.kill(signal)
    await child.ended
    return child
  }
}
