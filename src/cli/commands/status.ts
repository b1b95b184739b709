import { folderAt } from '../../shared/results/results-store.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import { jobsAtWork, whyWaiting } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode, exitCodeOf, LostError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { type OpenOrg, withRequest } from '../org.ts'
import { requestTable, stateLine } from '../render/request.ts'
import type { Screen } from '../screen.ts'
import { assertWatching, watch } from '../watch.ts'

/** @throws UsageError if there is no such request */
export function status(flags: Flags<'status'>, cli: Cli): Promise<ExitCode> {
  assertWatching(flags)
  if (flags.watch) return watchStatus(flags, cli)
  const { screen } = cli
  return withRequest(cli, flags, async (open, view) => {
    if (flags.json) {
      screen.answerJson(view)
      for (const sentence of await whyWaiting(open, view)) screen.say(sentence)
    } else {
      screen.answer(await table(open, view, screen))
    }
    return EXIT.ok
  })
}

/** Ends with the request, and with the exit code of a `run`. */
function watchStatus(flags: Flags<'status'>, cli: Cli): Promise<ExitCode> {
  return watch(flags, cli, (look) =>
    withRequest(cli, flags, (open, first) =>
      look(open, async () => {
        const view = await open.producer.inspect(first.id, { org: open.org })
        if (view === null) throw new LostError(`Redis has no request ${first.id} any more.`)
        const reasons = await whyWaiting(open, view)
        return {
          text: () => table(open, view, cli.screen),
          lines: [[view.id, [stateLine(view), ...reasons].join('. ')]],
          json: view,
          end: isOver(view) ? exitCodeOf(view.receipt.status) : null,
        }
      }),
    ),
  )
}

async function table(open: OpenOrg, view: RequestView, { answerStyle }: Screen): Promise<string> {
  return requestTable(view, answerStyle, await whereItStands(open, view))
}

async function whereItStands(open: OpenOrg, view: RequestView) {
  if (isOver(view)) return {}
  const { id, org } = view
  const [atWork, waiting, identity] = await Promise.all([
    jobsAtWork(open.store, id),
    whyWaiting(open, view),
    open.store.ledger.identity(),
  ])
  const at = identity?.resultsAt ?? null
  return { atWork, waiting, results: at === null ? null : folderAt(at, { org, id }) }
}
