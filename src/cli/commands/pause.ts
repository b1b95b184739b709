import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { PauseFlags } from '../pause/pause.ts'

/** `expunge pause`: nothing more is sent to an org until it is resumed. */
export function definePause(program: Command, cli: Cli): void {
  program
    .command('pause')
    .description('start no new ingest job in an org until `resume`')
    .option('--org <name>', 'org, where there are several')
    .option('--abort', 'abort those at work, too; their rows are sent again on `resume`')
    .option('--json', 'print what pauses the org as JSON')
    .action(async (flags: PauseFlags) => {
      const { pause } = await import('../pause/pause.ts')
      cli.exit(await pause(flags, cli))
    })
}
