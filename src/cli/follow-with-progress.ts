import type { RequestView } from '../producer/producer.ts'
import { totalOf } from '../shared/contract/receipt.ts'
import type { RequestProgress } from '../shared/store/request-view.ts'
import { MOST_ATTEMPTS } from '../worker/ingest/resend.ts'
import { type EndedView, type Followed, followToReceipt } from './follow.ts'
import { counted, wait } from './render/format.ts'
import { showProgress } from './render/progress.ts'
import { retryWords, stoppingWords } from './render/request.ts'
import type { Screen } from './screen.ts'
import { waitingReporter } from './waiting-report.ts'

interface WatchOptions {
  readonly screen: Screen
  /** Prints no progress where it cannot be redrawn. */
  readonly quiet: boolean
  readonly embedded: boolean
}

/** A deletion that this process followed to its end. */
export interface Watched {
  readonly view: EndedView
  /** Verdicts while it was followed, and for how long. */
  readonly records: number
  readonly ms: number
}

/** Follows a request to its receipt; shows progress, what holds it, and that it is being ended. */
export async function followWithProgress(
  followed: Followed,
  { screen, quiet, embedded }: WatchOptions,
): Promise<Watched> {
  const { request, worker } = followed
  const since = Date.now()
  let first: number | null = null
  let sentAgain = 0
  let stopping: RequestView['stopping'] = null
  const shown: { progress?: ReturnType<typeof showProgress> } = {}
  const reportRetries = retryReporter(screen)
  const reportWaiting = waitingReporter(screen, { ...request, embedded }, worker !== undefined)
  try {
    const view = await followToReceipt(followed, (now) => {
      if (now.progress !== null && now.plan !== null) {
        const total = now.plan.accepted
        const done = totalOf(now.progress.outcome) + now.progress.running
        first ??= done
        shown.progress ??= showProgress(screen, total, quiet)
        reportRetries(now.progress, Date.now())
        const retried = now.progress.retries.reduce((sum, { records }) => sum + records, 0)
        if (retried > sentAgain) shown.progress.fallBack()
        sentAgain = retried
        shown.progress.see(Math.min(done, total), Date.now())
      }
      if (now.stopping !== null && stopping === null) {
        stopping = now.stopping
        screen.say(`The request is ${stoppingWords(stopping)}`)
      }
      reportWaiting(now)
    })
    const { outcome } = view.receipt
    const done = outcome === null ? 0 : totalOf(outcome) - outcome.unprocessed
    return { view, records: Math.max(0, done - (first ?? 0)), ms: Date.now() - since }
  } finally {
    shown.progress?.stop()
  }
}

/** Many chunks may be retried one after the other; their rows are reported together. */
const REPORT_EVERY_MS = 10_000

/** Reports rows that are sent again: at most a line every ten seconds for each attempt. */
export function retryReporter({
  say,
}: Pick<Screen, 'say'>): (progress: Pick<RequestProgress, 'retries'>, now: number) => void {
  const reported = new Map<number, { readonly records: number; readonly at: number }>()
  return ({ retries }, now) => {
    for (const { attempt, records, reason, at } of retries) {
      const before = reported.get(attempt) ?? { records: 0, at: Number.NEGATIVE_INFINITY }
      const news = records - before.records
      if (news === 0 || now - before.at < REPORT_EVERY_MS) continue
      reported.set(attempt, { records, at: now })
      const left = Date.parse(at) - now
      const when = left > 0 ? `in ${wait(left)}` : 'now'
      say(
        `Attempt ${attempt} of ${MOST_ATTEMPTS} for ${counted(news, 'row')} ${when} (${retryWords(reason)}).`,
      )
    }
  }
}
