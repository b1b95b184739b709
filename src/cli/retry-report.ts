import type { RequestProgress } from '../shared/store/request-view.ts'
import { MOST_ATTEMPTS } from '../worker/ingest/resend.ts'
import { counted, wait } from './render/format.ts'
import { retryWords } from './render/request.ts'
import type { Screen } from './screen.ts'

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
