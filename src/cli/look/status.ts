import type { Cli } from '../cli.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { isOver } from '../follow.ts'
import { pauseSentences } from '../render/pause.ts'
import { requestTable } from '../render/request.ts'
import { jobsAtWork } from '../run/jobs-at-work.ts'
import type { StatusFlags } from '../status.ts'
import { visitRequest } from './visit.ts'

/** @throws UsageError where there is no such request */
export function status(id: string, flags: StatusFlags, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return visitRequest(cli, id, flags, async ({ store, org }, view) => {
    const pauses = isOver(view) ? [] : pauseSentences(org, await store.ledger.pauseState())
    if (flags.json) {
      screen.answer(JSON.stringify(view, null, 2))
      for (const sentence of pauses) screen.say(sentence)
    } else {
      const atWork = isOver(view) ? [] : await jobsAtWork(store, view.id)
      screen.answer(requestTable(view, screen.paintAnswer, pauses, atWork))
    }
    return EXIT.ok
  })
}
