import { join } from 'node:path'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import { jobsAtWork, whyIdle } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { withRequest } from '../org.ts'
import { pauseSentences } from '../render/org.ts'
import { requestTable } from '../render/request.ts'

/** @throws UsageError if there is no such request */
export function status(flags: Flags<'status'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withRequest(cli, flags, async (open, view) => {
    const { store, org } = open
    const idle = isAtRest(view) ? null : await whyIdle(open, view.id)
    const pauses = isOver(view) ? [] : pauseSentences(org, await store.ledger.pauseState())
    if (flags.json) {
      screen.answerJson(view)
      for (const sentence of pauses) screen.say(sentence)
      if (idle !== null) screen.say(idle)
    } else {
      const unfinished = isOver(view) ? {} : await whereItStands(store, view)
      screen.answer(requestTable(view, screen.answerStyle, { pauses, idle, ...unfinished }))
    }
    return EXIT.ok
  })
}

/** It has ended, or waits for approval. */
function isAtRest(view: RequestView): boolean {
  return isOver(view) || (view.status === 'awaiting-approval' && view.stopping === null)
}

async function whereItStands(
  store: OrgStore,
  { id, org }: RequestView,
): Promise<{ readonly atWork: readonly string[]; readonly results: string | null }> {
  const [atWork, identity] = await Promise.all([jobsAtWork(store, id), store.ledger.identity()])
  const at = identity?.resultsAt ?? null
  return { atWork, results: at === null ? null : join(at, org, id) }
}
