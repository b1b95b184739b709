import { orgJobsAtWork } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import { withKnownOrg } from '../org.ts'
import { counted, jobNames } from '../render/format.ts'
import { moment } from '../render/org.ts'

export interface PauseFlags {
  readonly org?: string
  readonly abort?: true
  readonly json?: true
}

/** Raises the operator's pause, and says what it means for what is at work. */
export function pause(flags: PauseFlags, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withKnownOrg(cli, flags, 'pause', async ({ store, org }) => {
    const before = await store.ledger.pauseState()
    await store.ledger.pause(flags.abort === true)
    const state = await store.ledger.pauseState()
    if (flags.json) screen.answer(JSON.stringify(state, null, 2))
    const since =
      before.operator === null ? '' : ` (already since ${moment(before.operator.since)})`
    screen.say(
      [
        `Org "${org}" is paused${since}: no new ingest job starts. Requests are taken in and planned.`,
        atWork(await orgJobsAtWork(store), state.operator?.abort === true),
        `To go on: ${commandFor('resume', { org })}`,
      ].join('\n'),
    )
    return EXIT.ok
  })
}

function atWork(jobs: readonly string[], isAbort: boolean): string {
  if (jobs.length === 0) return 'No ingest job is at work.'
  const names = `${counted(jobs.length, 'ingest job')} at work (${jobNames(jobs)})`
  return isAbort
    ? `${names}: aborted by the workers; rows not deleted until then are sent again on resume.`
    : `${names}: they go on to their end. To abort them: --abort.`
}
