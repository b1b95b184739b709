import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { withInputFlags } from '../input-flags.ts'
import type { RunFlags } from '../run/flags.ts'

/** `expunge run`: plan, confirm and delete, in one process. */
export function defineRun(program: Command, cli: Cli): void {
  const command = program
    .command('run')
    .description('plan, confirm and delete, in this process; needs no Redis')
  withInputFlags(command)
    .option('--yes', 'delete without asking; needed where there is no terminal')
    .option('--results <dir>', 'where receipt and result files go (default: ./results)')
    .option('--json', 'print the receipt, and nothing else, on stdout')
    .action(async (flags: RunFlags) => {
      const { run } = await import('../run/run.ts')
      cli.exit(await run(flags, cli))
    })
}
