import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { DemoFlags } from '../demo/demo.ts'
import { wholeNumber } from '../input-flags.ts'

/** `expunge demo`: a whole deletion on this machine, against the sandbox. */
export function defineDemo(program: Command, cli: Cli): void {
  program
    .command('demo')
    .description('a whole deletion on this machine, against the sandbox; touches nothing else')
    .option('--rows <n>', 'rows of the CSV', wholeNumber, 1_000_000)
    .option('--rows-per-second <n>', 'how fast the sandbox deletes', wholeNumber, 150_000)
    .action(async (flags: DemoFlags) => {
      const { demo } = await import('../demo/demo.ts')
      cli.exit(await demo(flags, cli))
    })
}
