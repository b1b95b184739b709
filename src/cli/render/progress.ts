import { SingleBar } from 'cli-progress'
import { shown } from '../paint.ts'
import type { Screen } from '../screen.ts'
import { count, duration, percent } from './numbers.ts'
import { Pace } from './pace.ts'

/** Shows how far a deletion is. */
interface ProgressDisplay {
  /** Records with a verdict, or processed by an ingest job at work. */
  see(done: number, at: number): void
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

/** A bar where it can be drawn, lines now and then where it can't, nothing where `quiet`. */
export function showProgress(screen: Screen, total: number, quiet: boolean): ProgressDisplay {
  const pace = new Pace(total)
  if (screen.canDraw) return bar(screen, pace, total)
  return quiet ? { see: () => {}, stop: () => {} } : lines(screen, pace, total)
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
  screen.makeWay({ hide: () => drawn.stop(), show })
  return {
    see: (done, at) => {
      pace.see(done, at)
      drawn.update(pace.done, { words: progressWords(pace, total) })
    },
    stop: () => {
      screen.makeWay(null)
      drawn.stop()
    },
  }
}

/** What the words beside the bar may take; a narrow terminal gets a short bar. */
const WORDS = 60

function blocks(progress: number, { stderr, paintSay }: Screen): string {
  const width = Math.max(5, Math.min(40, (stderr.columns ?? 80) - WORDS - 'Deleting '.length))
  const full = Math.round(progress * width)
  return shown(paintSay('green', '█'.repeat(full)) + paintSay('dim', '░'.repeat(width - full)))
}

const LINE_EVERY_MS = 10_000

function lines(screen: Screen, pace: Pace, total: number): ProgressDisplay {
  let last: number | null = null
  return {
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
