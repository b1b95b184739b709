import { join } from 'node:path'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import type { Cli } from '../cli.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { isOver } from '../follow.ts'
import { pauseSentences } from '../render/pause.ts'
import { requestTable } from '../render/request.ts'
import { jobsAtWork } from '../run/jobs-at-work.ts'
import { nobodyAtWork } from './nobody.ts'
import { visitRequest } from './visit.ts'

export interface StatusFlags {
  readonly org?: string
  readonly json?: true
}

/** @throws UsageError where there is no such request */
export function status(id: string, flags: StatusFlags, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return visitRequest(cli, id, flags, async (place, view) => {
    const { store, org } = place
    const nobody = isAtRest(view) ? null : await nobodyAtWork(place, view.id)
    const pauses = isOver(view) ? [] : pauseSentences(org, await store.ledger.pauseState())
    if (flags.json) {
      screen.answer(JSON.stringify(view, null, 2))
      for (const sentence of pauses) screen.say(sentence)
      if (nobody !== null) screen.say(nobody)
    } else {
      const unfinished = isOver(view) ? {} : await whereItStands(store, view)
      screen.answer(requestTable(view, screen.paintAnswer, { pauses, nobody, ...unfinished }))
    }
    return EXIT.ok
  })
}

/** Nothing is to happen to it, or nothing before somebody approves it. */
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
