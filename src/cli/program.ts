import { Command } from 'commander'
import { type Cli, EXIT, type ExitCode } from './cli.ts'
import { COMMANDS, type CommandName, type Flags } from './commands.ts'
import { moreHelp } from './help.ts'
import { type CommandRecord, commanderOptions } from './options.ts'
import { columnsOf } from './screen.ts'

/**
 * The action of each command. Loaded when it is called, so that `--help` answers at once and a
 * command loads only its own libraries.
 */
const ACTIONS: { readonly [Name in CommandName]: Action<Name> } = {
  run: async (...given) => (await import('./run/run.ts')).run(...given),
  submit: async (...given) => (await import('./commands/submit.ts')).submit(...given),
  apply: async (...given) => (await import('./run/apply.ts')).apply(...given),
  retry: async (...given) => (await import('./retry/retry.ts')).retry(...given),
  status: async (...given) => (await import('./commands/status.ts')).status(...given),
  list: async (...given) => (await import('./commands/list.ts')).list(...given),
  approve: async (...given) => (await import('./commands/approve.ts')).approve(...given),
  cancel: async (...given) => (await import('./cancel/cancel.ts')).cancel(...given),
  results: async (...given) => (await import('./commands/results.ts')).results(...given),
  pause: async (...given) => (await import('./commands/pause.ts')).pause(...given),
  resume: async (...given) => (await import('./commands/pause.ts')).resume(...given),
  policy: async (...given) => (await import('./commands/policy.ts')).policy(...given),
  worker: async ({ org: orgs }, { host, version }) => {
    await (await import('../worker/main.ts')).runWorkerProcess(host, { version, orgs })
    return EXIT.ok
  },
  serve: async (_, { host, version }) => {
    await (await import('../producer/main.ts')).runProducerProcess(host, { version })
    return EXIT.ok
  },
  key: async (...given) => (await import('./commands/key.ts')).key(...given),
  sandbox: async (...given) => (await import('./commands/sandbox.ts')).sandbox(...given),
  demo: async (...given) => (await import('./demo/demo.ts')).demo(...given),
  login: async (...given) => (await import('./login/login.ts')).login(...given),
  logout: async (...given) => (await import('./login/logout.ts')).logout(...given),
  orgs: async (...given) => (await import('./login/orgs.ts')).orgs(...given),
  doctor: async (...given) => (await import('./doctor/doctor.ts')).doctor(...given),
  completion: async (...given) => (await import('./commands/completion.ts')).completion(...given),
}

type Action<Name extends CommandName> = (flags: Flags<Name>, cli: Cli) => Promise<ExitCode>

/**
 * All commands, for commander to parse.
 *
 * @param end receives the exit code once a command is done
 */
export function createProgram(cli: Cli, end: (code: ExitCode) => void): Command {
  const help = new Program('help').argument('[command]').description('show the help of a command')
  const program = new Program('expunge')
    .description(
      'Deletes Salesforce records in bulk: plan first, then apply, every id accounted for.',
    )
    .version(cli.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpCommand(help.helpGroup('Setup:'))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.host.stdout.write(cli.screen.fit(text, 'stdout')),
      writeErr: (text) => cli.host.stderr.write(text),
      getOutHelpWidth: () => columnsOf(cli.host.stdout, cli.screen.env) ?? 80,
      // The error quotes the command line, which a script may have filled with foreign text.
      outputError: (text, write) =>
        write(cli.screen.fit(`expunge: ${text.replace(/^error: /, '')}`)),
    })
    .configureHelp({
      // Lines up long flags, whether they have a short one or not.
      optionTerm: ({ short, flags }) => (short === undefined ? `    ${flags}` : flags),
    })
    .showHelpAfterError('See `expunge --help`.')
    .addHelpText('after', '\nSee `expunge help <command>` for options, examples and exit codes.')
  for (const name of Object.keys(COMMANDS).filter(isCommand)) define(program, name, cli, end)
  return program
}

/** Reports an unknown option before a missing required one: it may be that one, mistyped. */
class Program extends Command {
  override createCommand(name?: string): Command {
    return new Program(name)
  }

  override parseOptions(argv: string[]) {
    const parsed = super.parseOptions(argv)
    const isLeaf = this.commands.length === 0
    if (isLeaf && parsed.unknown.length > 0) {
      for (const option of this.options) option.makeOptionMandatory(false)
    }
    return parsed
  }
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
  const command = program
    .command(name)
    .helpGroup(record.group)
    .summary(summary)
    .description(descriptionOf(record))
    .showHelpAfterError(`See \`expunge ${name} --help\`.`)
  for (const [argumentName, words] of Object.entries(argument)) {
    command.argument(`<${argumentName}>`, words)
  }
  for (const option of commanderOptions(record)) command.addOption(option)
  command.addHelpText('after', () => moreHelp(record, command.createHelp()))
  command.action(async () => {
    const values = Object.keys(argument).map((key, at) => [key, command.args[at]])
    const flags = { ...command.opts<Flags<Name>>(), ...Object.fromEntries(values) }
    end(await ACTIONS[name](flags, cli))
  })
}

/** The summary as a sentence, and the details. */
function descriptionOf({ summary, details }: CommandRecord): string {
  const sentence = `${summary[0]?.toUpperCase()}${summary.slice(1)}.`
  return details === undefined ? sentence : `${sentence} ${details}`
}
