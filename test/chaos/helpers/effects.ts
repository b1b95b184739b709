import { tracingChannel } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { EFFECT_CHANNEL, type Effect } from '../../../src/shared/base/trace.ts'

/**
 * In a child process: every outside effect is noted, and at one of them the process dies as if
 * somebody had pulled the plug. A point is `redis:save#2:before`: the second effect of that name,
 * before it begins (`after`: it has taken effect, and nobody here has learned of it yet).
 */

/** File to which each point is appended as it is reached. */
export const TRACE = 'CHAOS_TRACE'
/** The point at which to die. */
export const CRASH_AT = 'CHAOS_CRASH_AT'

export function watchEffects(env: Readonly<Record<string, string | undefined>>): void {
  const trace = env[TRACE]
  const crashAt = env[CRASH_AT]
  const seen = new Map<string, number>()
  const reach = (name: string, when: 'before' | 'after') => {
    const kind = `${name}:${when}`
    const nth = (seen.get(kind) ?? 0) + 1
    seen.set(kind, nth)
    const point = `${name}#${nth}:${when}`
    if (trace !== undefined) appendFileSync(trace, `${point}\n`)
    if (point === crashAt) process.kill(process.pid, 'SIGKILL')
  }
  tracingChannel<unknown, Effect>(EFFECT_CHANNEL).subscribe({
    start: ({ name }) => reach(name, 'before'),
    asyncEnd: ({ name }) => reach(name, 'after'),
    end: () => {},
    asyncStart: () => {},
    error: () => {},
  })
}
