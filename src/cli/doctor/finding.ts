import { ExpungeError, messageOf } from '../../shared/base/errors.ts'
import { visible } from '../../shared/base/visible.ts'
import type { Style } from '../styled-text.ts'

/** The result of one check. After `warn` deletions still work; after `fail` they cannot. */
export interface Finding {
  readonly check: string
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What to do; null if nothing. */
  readonly advice: string | null
}

export const ok = (check: string, found: string): Finding => {
  return { check, verdict: 'ok', found, advice: null }
}
export const warn = (check: string, found: string, advice: string): Finding => {
  return { check, verdict: 'warn', found, advice }
}
export const fail = (check: string, found: string, advice: string | null = null): Finding => {
  return { check, verdict: 'fail', found, advice }
}

/**
 * A check that throws has failed. An unexpected error keeps its name.
 *
 * @param more what the check adds to the message
 */
export function failed(check: string, error: unknown, more = ''): Finding {
  const name = error instanceof Error && !(error instanceof ExpungeError) ? `${error.name}: ` : ''
  return fail(check, name + messageOf(error) + more)
}

class NoAnswerError extends ExpungeError {
  readonly code = 'NO_ANSWER'
}

/** Ends a check that takes too long, with an error that says who did not answer. */
export function answerWithin(ms: number, host: string): AbortSignal {
  const stop = new AbortController()
  const late = new NoAnswerError(`No answer from ${host} within ${ms / 1000} s.`)
  setTimeout(() => stop.abort(late), ms).unref()
  return stop.signal
}

const SIGN = { ok: '✓', warn: '!', fail: '✗' } as const
const COLOUR = { ok: 'green', warn: 'yellow', fail: 'red' } as const

export function findingLines(findings: readonly Finding[], style: Style): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings
    .map(({ check, verdict, found, advice }) => {
      const line = `${style(COLOUR[verdict], SIGN[verdict])} ${check.padEnd(width)}  ${visible(found)}`
      return advice === null ? line : `${line}\n  ${' '.repeat(width)}  → ${visible(advice)}`
    })
    .join('\n')
}
