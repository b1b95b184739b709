import type { Command } from 'commander'
import { Option } from 'commander'
import type { Cli } from '../cli.ts'
import { withInputFlags } from '../input-flags.ts'
import type { SubmitFlags } from '../submit/submit.ts'

/** `expunge submit`: enqueue for the workers. */
export function defineSubmit(program: Command, cli: Cli): void {
  const command = program
    .command('submit')
    .description('enqueue a deletion for the workers; prints its id')
  withInputFlags(command)
    .addOption(
      new Option('--approval <how>', 'whether somebody must approve the plan').choices([
        'auto',
        'required',
      ]),
    )
    .option('--callback-url <url>', 'told of the receipt when there is one')
    .option('--wait', 'wait for the receipt; the exit code is that of `run`')
    .option('--json', 'print the request, or with --wait the receipt, as JSON')
    .action(async (flags: SubmitFlags) => {
      const { submit } = await import('../submit/submit.ts')
      cli.exit(await submit(flags, cli))
    })
}
