import { setImmediate } from 'node:timers/promises'

/**
 * Lets each caller have one piece of work in a turn of the event loop. Parsing the largest body takes
 * some 20 ms; a caller who sends forty at once would else have all of them parsed before anybody
 * else's next byte is looked at.
 */
export function createTurns(): (caller: string) => Promise<void> {
  const last = new Map<string, Promise<void>>()
  return async (caller) => {
    const turn = (last.get(caller) ?? Promise.resolve()).then(() => setImmediate())
    last.set(caller, turn)
    await turn
    if (last.get(caller) === turn) last.delete(caller)
  }
}
