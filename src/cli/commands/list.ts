import { type Command, Option } from 'commander'
import { STATUSES } from '../../shared/contract/receipt.ts'
import type { Cli } from '../cli.ts'
import { wholeNumber } from '../input-flags.ts'
import type { ListFlags } from '../look/list.ts'

/** `expunge list`: the requests of an org, newest first. */
export function defineList(program: Command, cli: Cli): void {
  program
    .command('list')
    .description('the requests of an org, newest first')
    .option('--org <name>', 'org, where there are several')
    .addOption(new Option('--status <status>', 'only those').choices(STATUSES))
    .option('--limit <n>', 'at most so many', wholeNumber, 20)
    .option('--json', 'as JSON')
    .action(async (flags: ListFlags) => {
      const { list } = await import('../look/list.ts')
      cli.exit(await list(flags, cli))
    })
}
