import type { Scope } from './scope.ts'
import type { Tally } from './tally.ts'

/** What every scenario gets: where to register ends, to say things, to count and to fail. */
export interface Chaos {
  readonly scope: Scope
  readonly seed: number
  /** How long the random one goes on. */
  readonly minutes: number
  readonly tally: Tally
  /** Aborted by Ctrl-C: nothing more is to be started. */
  readonly signal: AbortSignal
  say(line: string): void
  /** Said only with CHAOS_VERBOSE. */
  detail(line: string): void
  /** Something that was promised does not hold. The others go on. */
  fail(complaint: string): void
}
