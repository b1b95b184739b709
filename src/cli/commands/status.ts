import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { StatusFlags } from '../look/status.ts'

/** `expunge status ID`: how far a request is. */
export function defineStatus(program: Command, cli: Cli): void {
  program
    .command('status')
    .description('how far a request is, or how it ended')
    .argument('<id>', 'the request')
    .option('--org <name>', 'org, where there are several')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: StatusFlags) => {
      const { status } = await import('../look/status.ts')
      cli.exit(await status(id, flags, cli))
    })
}
