import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { ResumeFlags } from '../pause/resume.ts'

/** `expunge resume`: takes an operator's pause back. */
export function defineResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description('take `pause` back')
    .option('--org <name>', 'org, where there are several')
    .option('--json', 'print what still pauses the org as JSON')
    .action(async (flags: ResumeFlags) => {
      const { resume } = await import('../pause/resume.ts')
      cli.exit(await resume(flags, cli))
    })
}
