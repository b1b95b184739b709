import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { defineApprove } from './commands/approve.ts'
import { defineCancel } from './commands/cancel.ts'
import { defineDemo } from './commands/demo.ts'
import { defineDoctor } from './commands/doctor.ts'
import { defineKey } from './commands/key.ts'
import { defineList } from './commands/list.ts'
import { definePause } from './commands/pause.ts'
import { definePolicy } from './commands/policy.ts'
import { defineResults } from './commands/results.ts'
import { defineResume } from './commands/resume.ts'
import { defineRun } from './commands/run.ts'
import { defineSandbox } from './commands/sandbox.ts'
import { defineServe } from './commands/serve.ts'
import { defineStatus } from './commands/status.ts'
import { defineSubmit } from './commands/submit.ts'
import { defineWorker } from './commands/worker.ts'
import { shown } from './screen.ts'

/**
 * Every command with its flags. Only what commander needs is loaded here; a command loads the rest
 * itself, so that `--help` answers at once.
 */
export function createProgram(cli: Cli): Command {
  const program = new Command('expunge')
    .description(
      'Deletes Salesforce records in bulk: plan first, then apply, every id accounted for.',
    )
    .version(cli.version, '-V, --version')
    .helpOption('-h, --help', 'what there is to know of a command')
    .helpCommand(false)
    .showHelpAfterError('See `expunge --help`, or `expunge <command> --help`.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.host.stdout.write(text),
      writeErr: (text) => cli.host.stderr.write(text),
      // It quotes what was typed, and a script may have typed what somebody else wrote.
      outputError: (text, write) => write(shown(`expunge: ${text.replace(/^error: /, '')}`)),
    })
  const define = [
    defineRun,
    defineSubmit,
    defineStatus,
    defineList,
    defineApprove,
    defineCancel,
    defineResults,
    definePause,
    defineResume,
    definePolicy,
    defineWorker,
    defineServe,
    defineKey,
    defineSandbox,
    defineDemo,
    defineDoctor,
  ]
  for (const add of define) add(program, cli)
  return program
}
