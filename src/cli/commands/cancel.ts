import type { Command } from 'commander'
import type { CancelFlags } from '../cancel/cancel.ts'
import type { Cli } from '../cli.ts'

/** `expunge cancel ID`: end a request before its time. */
export function defineCancel(program: Command, cli: Cli): void {
  program
    .command('cancel')
    .description('end a request: nothing more is sent, running ingest jobs are aborted')
    .argument('<id>', 'the request')
    .option('--org <name>', 'org, where there are several')
    .option('--reason <text>', 'kept in the receipt')
    .option('--yes', 'cancel without asking; needed where there is no terminal')
    .option('--results <dir>', 'where the `run` that began it keeps its results, if told so')
    .option('--json', 'print the receipt, and nothing else, on stdout')
    .action(async (id: string, flags: CancelFlags) => {
      const { cancel } = await import('../cancel/cancel.ts')
      cli.exit(await cancel(id, flags, cli))
    })
}
