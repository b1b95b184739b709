import type { Command } from 'commander'
import type { Cli } from '../cli.ts'

/** `expunge worker`: works on what others submit, until it is told to stop. */
export function defineWorker(program: Command, cli: Cli): void {
  program
    .command('worker')
    .description('work on submitted requests until SIGTERM; settings by environment')
    .action(async () => {
      const { runWorkerProcess } = await import('../../worker/main.ts')
      await runWorkerProcess({ version: cli.version })
      cli.exit(0)
    })
}
