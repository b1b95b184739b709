import { join } from 'node:path'
import type { RequestView } from '../../shared/store/request-view.ts'
import { jobsAtWork, whyWaiting } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { type OpenOrg, withRequest } from '../org.ts'
import { requestTable } from '../render/request.ts'

/** @throws UsageError if there is no such request */
export function status(flags: Flags<'status'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withRequest(cli, flags, async (open, view) => {
    if (flags.json) {
      screen.answerJson(view)
      for (const sentence of await whyWaiting(open, view)) screen.say(sentence)
    } else {
      screen.answer(requestTable(view, screen.answerStyle, await whereItStands(open, view)))
    }
    return EXIT.ok
  })
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
  return { atWork, waiting, results: at === null ? null : join(at, org, id) }
}
