import type { Command } from 'commander'
import type { ApproveFlags } from '../approve/approve.ts'
import type { Cli } from '../cli.ts'

/** `expunge approve ID`: let a plan that awaits approval go ahead. */
export function defineApprove(program: Command, cli: Cli): void {
  program
    .command('approve')
    .description('let a plan that awaits approval go ahead')
    .argument('<id>', 'the request')
    .option('--org <name>', 'org, where there are several')
    .option('--reason <text>', 'kept in the receipt')
    .option('--yes', 'approve without asking; needed where there is no terminal')
    .option('--accept-unchecked', 'with --yes: ids of 15 characters, without checksum, too')
    .option('--json', 'print the request as JSON')
    .action(async (id: string, flags: ApproveFlags) => {
      const { approve } = await import('../approve/approve.ts')
      cli.exit(await approve(id, flags, cli))
    })
}
