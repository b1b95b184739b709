import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { PolicyFlags } from '../policy/policy.ts'

/** `expunge policy`: the guard rails of an org, and the only way to loosen them. */
export function definePolicy(program: Command, cli: Cli): void {
  program
    .command('policy')
    .description("show an org's guard rails beside this configuration's, or set them to these")
    .option('--org <name>', 'org, where there are several')
    .option('--apply', "set the org's guard rails to this configuration's, looser ones too")
    .option('--reason <text>', 'kept with the guard rails')
    .option('--yes', 'apply without asking; needed where there is no terminal')
    .option('--json', 'print them, and nothing else, on stdout')
    .action(async (flags: PolicyFlags) => {
      const { policy } = await import('../policy/policy.ts')
      cli.exit(await policy(flags, cli))
    })
}
