import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import { withKnownOrg } from '../org.ts'
import { duration } from '../render/format.ts'
import { pauseSentences } from '../render/org.ts'

export interface ResumeFlags {
  readonly org?: string
  readonly json?: true
}

/** Takes the operator's pause back; what a fault pauses stays paused, and is said. */
export function resume(flags: ResumeFlags, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withKnownOrg(cli, flags, 'pause', async ({ store: { ledger }, org }) => {
    const { operator } = await ledger.pauseState()
    await ledger.resume()
    const state = await ledger.pauseState()
    if (flags.json) screen.answer(JSON.stringify(state, null, 2))
    screen.say(
      operator === null
        ? `Org "${org}" was not paused by an operator.`
        : `Org "${org}" goes on, after a pause of ${duration(Date.now() - operator.since)}.`,
    )
    for (const sentence of pauseSentences(org, state)) screen.say(sentence)
    return EXIT.ok
  })
}
