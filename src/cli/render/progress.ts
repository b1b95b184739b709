import { SingleBar } from 'cli-progress'
import type { Screen } from '../screen.ts'
import { count, duration, percent } from './format.ts'

/** Shows the progress of a deletion. */
interface ProgressDisplay {
  /** Takes the number of records with a verdict, or processed by a running ingest job. */
  see(done: number, at: number): void
  /** Rows that were processed are sent again: the next count may be lower. */
  fallBack(): void
  stop(): void
}

/** `629,000 of 999,000  63 %  148,000/s  2 s left` */
export function progressWords(pace: Pace, total: number): string {
  const { done, rate, left } = pace
  const words = [`${count(done)} of ${count(total)}`, percent(done, total)]
  if (rate !== null) words.push(`${count(rate)}/s`)
  if (left !== null && done < total) words.push(`${duration(left)} left`)
  return words.join('  ')
}

/** A bar if the terminal can draw one, otherwise a line now and then, or nothing if `quiet`. */
export function showProgress(screen: Screen, total: number, quiet: boolean): ProgressDisplay {
  const pace = new Pace(total)
  if (screen.canDraw) return bar(screen, pace, total)
  return quiet ? { see: () => {}, fallBack: () => {}, stop: () => {} } : lines(screen, pace, total)
}

function bar(screen: Screen, pace: Pace, total: number): ProgressDisplay {
  const drawn = new SingleBar({
    stream: screen.stderr,
    format: 'Deleting {bar} {words}',
    formatBar: (progress) => blocks(progress, screen),
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    emptyOnZero: true,
    fps: 10,
  })
  const show = () => drawn.start(total, pace.done, { words: progressWords(pace, total) })
  show()
  screen.setStatusLine({ hide: () => drawn.stop(), show })
  return {
    fallBack: () => pace.fallBack(),
    see: (done, at) => {
      pace.see(done, at)
      drawn.update(pace.done, { words: progressWords(pace, total) })
    },
    stop: () => {
      screen.setStatusLine(null)
      drawn.stop()
    },
  }
}

/** Width of the words beside the bar; a narrow terminal gets a short bar. */
const WORDS = 60

function blocks(progress: number, { stderr, sayStyle, fit }: Screen): string {
  const width = Math.max(5, Math.min(40, (stderr.columns ?? 80) - WORDS - 'Deleting '.length))
  const full = Math.round(progress * width)
  return fit(sayStyle('green', '█'.repeat(full)) + sayStyle('dim', '░'.repeat(width - full)))
}

const LINE_EVERY_MS = 10_000

function lines(screen: Screen, pace: Pace, total: number): ProgressDisplay {
  let last: number | null = null
  return {
    fallBack: () => pace.fallBack(),
    see: (done, at) => {
      pace.see(done, at)
      last ??= at
      if (at - last < LINE_EVERY_MS) return
      last = at
      screen.say(`Deleting: ${progressWords(pace, total)}`)
    },
    stop: () => {},
  }
}

/** Time span of the rate: long enough to be steady, short enough to show a standstill. */
const WINDOW_MS = 30_000

/** The rate of progress and the remaining time. */
export class Pace {
  readonly #total: number
  #seen: { readonly done: number; readonly at: number }[] = []

  constructor(total: number) {
    this.#total = total
  }

  /** Rows that were processed are sent again: the next count may be lower. */
  fallBack(): void {
    this.#seen = []
  }

  /** Takes a count and its time in milliseconds; counts never decrease by themselves. */
  see(done: number, at: number): void {
    this.#seen.push({ done: Math.max(done, this.done), at })
    // Keeps the last one before the window, so that the rate covers all of it.
    while (this.#seen.length > 2 && at - (this.#seen[1]?.at ?? at) >= WINDOW_MS) this.#seen.shift()
  }

  get done(): number {
    return this.#seen.at(-1)?.done ?? 0
  }

  /** Records per second; null until there are two different times. */
  get rate(): number | null {
    const [first] = this.#seen
    const last = this.#seen.at(-1)
    if (first === undefined || last === undefined || last.at === first.at) return null
    return ((last.done - first.done) / (last.at - first.at)) * 1000
  }

  /** Remaining milliseconds; null without progress. */
  get left(): number | null {
    const { rate } = this
    return rate === null || rate === 0 ? null : ((this.#total - this.done) / rate) * 1000
  }
}
