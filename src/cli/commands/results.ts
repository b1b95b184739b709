import { type Command, Option } from 'commander'
import type { Cli } from '../cli.ts'
import { KINDS, type ResultsFlags } from '../look/result-flags.ts'

/** `expunge results ID`: the files of a request that is over. */
export function defineResults(program: Command, cli: Cli): void {
  const command = program
    .command('results')
    .description('the result files of a request, or the content of one')
    .argument('<id>', 'the request')
    .option('--org <name>', 'org, where there are several')
    .option('--results <dir>', 'where they are (default: as EXPUNGE_RESULTS says)')
  for (const kind of [...KINDS, 'json']) {
    const others = [...KINDS, 'json'].filter((other) => other !== kind)
    const words = kind === 'json' ? 'list the files as JSON' : `print ${kind}.csv`
    command.addOption(new Option(`--${kind}`, words).conflicts(others))
  }
  command.action(async (id: string, flags: ResultsFlags) => {
    const { results } = await import('../look/results.ts')
    cli.exit(await results(id, KINDS.find((kind) => flags[kind]) ?? null, flags, cli))
  })
}
