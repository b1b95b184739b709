import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { DoctorFlags } from '../doctor/doctor.ts'

/** `expunge doctor`: whether everything is there that a deletion needs. */
export function defineDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('check settings, Redis, login, quotas and the results directory')
    .option('--json', 'as JSON')
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import('../doctor/doctor.ts')
      cli.exit(await doctor(flags, cli))
    })
}
