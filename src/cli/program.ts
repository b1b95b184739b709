import { Command } from 'commander'
import { defineApprove } from './approve.ts'
import { defineCancel } from './cancel.ts'
import type { Cli } from './cli.ts'
import { defineDemo } from './demo.ts'
import { defineDoctor } from './doctor.ts'
import { defineKey } from './key.ts'
import { defineList } from './list.ts'
import { shown } from './paint.ts'
import { definePause } from './pause.ts'
import { definePolicy } from './policy.ts'
import { defineResults } from './results.ts'
import { defineResume } from './resume.ts'
import { defineRun } from './run.ts'
import { defineSandbox } from './sandbox.ts'
import { defineServe } from './serve.ts'
import { defineStatus } from './status.ts'
import { defineSubmit } from './submit.ts'
import { defineWorker } from './worker.ts'

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
