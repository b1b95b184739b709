import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { completionScript, SHELLS } from '../completion.ts'

/** @throws UsageError if the shell is not supported */
export async function completion(flags: Flags<'completion'>, { screen }: Cli): Promise<ExitCode> {
  const shell = SHELLS.find((one) => one === flags.shell)
  if (shell === undefined) {
    throw new UsageError(`expected one of ${SHELLS.join(', ')}, got ${flags.shell}.`)
  }
  screen.answerData(completionScript(shell).trimEnd())
  return EXIT.ok
}
