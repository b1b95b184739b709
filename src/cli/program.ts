import { Command } from 'commander'
import { type Cli, EXIT, type ExitCode } from './cli.ts'
import { COMMANDS, type CommandName, type Flags } from './commands.ts'
import { commanderOptions } from './options.ts'
import { shown } from './screen.ts'

/**
 * The action of each command. Loaded when it is called, so that `--help` answers at once and a
 * command loads only its own libraries.
 */
const ACTIONS: { readonly [Name in CommandName]: Action<Name> } = {
  run: async (...given) => (await import('./run/run.ts')).run(...given),
  submit: async (...given) => (await import('./commands/submit.ts')).submit(...given),
  status: async (...given) => (await import('./commands/status.ts')).status(...given),
  list: async (...given) => (await import('./commands/list.ts')).list(...given),
  approve: async (...given) => (await import('./commands/approve.ts')).approve(...given),
  cancel: async (...given) => (await import('./cancel/cancel.ts')).cancel(...given),
  results: async (...given) => (await import('./commands/results.ts')).results(...given),
  pause: async (...given) => (await import('./commands/pause.ts')).pause(...given),
  resume: async (...given) => (await import('./commands/pause.ts')).resume(...given),
  policy: async (...given) => (await import('./commands/policy.ts')).policy(...given),
  worker: async (_, { version }) => {
    await (await import('../worker/main.ts')).runWorkerProcess({ version })
    return EXIT.ok
  },
  serve: async (_, { version }) => {
    await (await import('../producer/main.ts')).runProducerProcess({ version })
    return EXIT.ok
  },
  key: async (...given) => (await import('./commands/key.ts')).key(...given),
  sandbox: async (...given) => (await import('./commands/sandbox.ts')).sandbox(...given),
  demo: async (...given) => (await import('./demo/demo.ts')).demo(...given),
  doctor: async (...given) => (await import('./doctor/doctor.ts')).doctor(...given),
}

type Action<Name extends CommandName> = (flags: Flags<Name>, cli: Cli) => Promise<ExitCode>

/**
 * All commands, for commander to parse.
 *
 * @param end receives the exit code once a command is done
 */
export function createProgram(cli: Cli, end: (code: ExitCode) => void): Command {
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
      // The error quotes the command line, which a script may have filled with foreign text.
      outputError: (text, write) => write(shown(`expunge: ${text.replace(/^error: /, '')}`)),
    })
  for (const name of Object.keys(COMMANDS).filter(isCommand)) define(program, name, cli, end)
  return program
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name)

function define<Name extends CommandName>(
  program: Command,
  name: Name,
  cli: Cli,
  end: (code: ExitCode) => void,
): void {
  const record = COMMANDS[name]
  const { summary, argument = {} } = record
  const command = program.command(name).description(summary)
  for (const [argumentName, words] of Object.entries(argument)) {
    command.argument(`<${argumentName}>`, words)
  }
  for (const option of commanderOptions(record)) command.addOption(option)
  command.action(async () => {
    const values = Object.keys(argument).map((key, at) => [key, command.args[at]])
    const flags = { ...command.opts<Flags<Name>>(), ...Object.fromEntries(values) }
    end(await ACTIONS[name](flags, cli))
  })
}
