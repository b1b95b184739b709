import { systemClock } from '../shared/base/clock.ts'
import { troubleOf } from '../shared/store/redis/trouble.ts'
import { type Cli, catchInterrupts, EXIT, type ExitCode, UsageError } from './cli.ts'
import type { OpenOrg } from './org.ts'
import { retryOnOutage } from './outage.ts'
import type { Screen } from './screen.ts'

interface WatchFlags {
  readonly watch?: true
  /** Milliseconds. */
  readonly interval?: number
  readonly json?: true
}

/** What there is to see at one moment. */
interface Seen {
  /** For a terminal. */
  readonly text: () => Promise<string> | string
  /** The same for a pipe: lines by what they are about, each printed when it changes. */
  readonly lines: readonly (readonly [about: string, line: string])[]
  readonly json: unknown
  /** The exit code once nothing can change any more; otherwise null. */
  readonly end: ExitCode | null
}

/** Looks until the end, or once: null. */
type Look = (open: OpenOrg, read: () => Promise<Seen>) => Promise<ExitCode | null>

/** @throws UsageError */
export function assertWatching({ watch, interval }: WatchFlags): void {
  if (interval !== undefined && !watch) throw new UsageError('--interval needs --watch.')
}

const INTERVAL_MS = 2000

/**
 * Shows something again and again, until its end or Ctrl-C, or until nobody reads it. Outages of
 * Redis are reported and waited out.
 *
 * @param open opens the org and lets `look` read and show it. On the embedded server it
 *   is opened for each look, because a server that stays open would block a `run`.
 */
export async function watch(
  flags: WatchFlags,
  cli: Cli,
  open: (look: Look) => Promise<ExitCode | null>,
): Promise<ExitCode> {
  const { signal, forget } = catchInterrupts(cli.host)
  const { interval = INTERVAL_MS } = flags
  const show = presenter(flags, cli.screen)
  let isEmbedded = false
  const look: Look = async (org, read) => {
    isEmbedded = org.redis.embedded
    if (isEmbedded) return show(await read())
    const retry = retryOnOutage(cli.screen, org.redis, signal)
    for (;;) {
      const end = await show(await retry(read))
      if (end !== null) return end
      await systemClock.sleep(interval, signal)
    }
  }
  try {
    for (;;) {
      signal.throwIfAborted()
      const end = await open(look).catch((error: unknown) => {
        // The server of a `run` ends with it, perhaps while it is read.
        if (isEmbedded && troubleOf(error) !== null) return null
        throw error
      })
      if (end !== null) return end
      await systemClock.sleep(interval, signal)
    }
  } finally {
    forget()
  }
}

/** Shows what was seen, and returns its end. */
function presenter({ json }: WatchFlags, screen: Screen): (seen: Seen) => Promise<ExitCode | null> {
  const { answer, answerData, answerStyle, isUnread, repaint } = screen
  const print = changesOnly(json ? answerData : answer)
  return async ({ text, lines, json: value, end }) => {
    if (json) {
      print([['', JSON.stringify(value)]], (line) => line)
    } else if (repaint === null) {
      print(
        lines,
        (line, about) => `${new Date().toISOString().slice(11, 19)} UTC  ${about}  ${line}`,
      )
    } else {
      const hint = end === null ? `\n${answerStyle('dim', 'Ctrl-C stops watching.')}` : ''
      repaint(`${await text()}${hint}`)
    }
    return end ?? (isUnread() ? EXIT.ok : null)
  }
}

function changesOnly(answer: Screen['answer']) {
  const before = new Map<string, string>()
  return (lines: Seen['lines'], format: (line: string, about: string) => string) => {
    for (const [about, line] of lines) {
      if (before.get(about) === line) continue
      before.set(about, line)
      answer(format(line, about))
    }
  }
}
