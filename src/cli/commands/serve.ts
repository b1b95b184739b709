import type { Command } from 'commander'
import type { Cli } from '../cli.ts'

/** `expunge serve`: the HTTP API, until it is told to stop. */
export function defineServe(program: Command, cli: Cli): void {
  program
    .command('serve')
    .description('take requests over HTTP until SIGTERM; settings by environment')
    .action(async () => {
      const { runProducerProcess } = await import('../../producer/main.ts')
      await runProducerProcess({ version: cli.version })
      cli.exit(0)
    })
}
