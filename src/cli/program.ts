import { Command, type Help } from 'commander'
import { type Cli, EXIT, type ExitCode } from './cli.ts'
import { COMMANDS, type CommandName, type Flags } from './commands.ts'
import { ENVIRONMENT, type Variable } from './environment.ts'
import { type CommandRecord, commanderOptions } from './options.ts'
import { columnsOf } from './screen.ts'

/**
 * Loads the action of each command when it is called, so that `--help` answers at once and a command
 * loads only its own libraries.
 */
const ACTIONS: { readonly [Name in CommandName]: () => Promise<Action<Name>> } = {
  run: async () => (await import('./run/run.ts')).run,
  submit: async () => (await import('./commands/submit.ts')).submit,
  apply: async () => (await import('./run/apply.ts')).apply,
  retry: async () => (await import('./commands/retry.ts')).retry,
  status: async () => (await import('./commands/status.ts')).status,
  list: async () => (await import('./commands/list.ts')).list,
  approve: async () => (await import('./commands/approve.ts')).approve,
  cancel: async () => (await import('./cancel/cancel.ts')).cancel,
  priority: async () => (await import('./commands/priority.ts')).priority,
  results: async () => (await import('./commands/results.ts')).results,
  pause: async () => (await import('./commands/pause.ts')).pause,
  resume: async () => (await import('./commands/pause.ts')).resume,
  policy: async () => (await import('./commands/policy.ts')).policy,
  worker: async () => {
    const { runWorkerProcess } = await import('../worker/main.ts')
    return async ({ org: orgs }, { host, version }) => {
      await runWorkerProcess(host, { version, orgs })
      return EXIT.ok
    }
  },
  serve: async () => {
    const { runProducerProcess } = await import('../producer/main.ts')
    return async (_, { host, version }) => {
      await runProducerProcess(host, { version })
      return EXIT.ok
    }
  },
  key: async () => (await import('./commands/key.ts')).key,
  sandbox: async () => (await import('./commands/sandbox.ts')).sandbox,
  demo: async () => (await import('./demo/demo.ts')).demo,
  login: async () => (await import('./login/login.ts')).login,
  logout: async () => (await import('./login/logout.ts')).logout,
  orgs: async () => (await import('./login/orgs.ts')).orgs,
  doctor: async () => (await import('./doctor/doctor.ts')).doctor,
  completion: async () => (await import('./commands/completion.ts')).completion,
}

type Action<Name extends CommandName> = (flags: Flags<Name>, cli: Cli) => Promise<ExitCode>

/** What happens around the action of a command. */
interface Around {
  /** Called once its modules are loaded. */
  loaded(): void
  /** Receives its exit code. */
  ended(code: ExitCode): void
}

/** All commands, for commander to parse. */
export function createProgram(cli: Cli, around: Around): Command {
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
  for (const name of Object.keys(COMMANDS).filter(isCommand)) define(program, name, cli, around)
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
  { loaded, ended }: Around,
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
    const action = await ACTIONS[name]()
    loaded()
    ended(await action(flags, cli))
  })
}

/** The summary as a sentence, and the details. */
function descriptionOf({ summary, details }: CommandRecord): string {
  const sentence = `${summary[0]?.toUpperCase()}${summary.slice(1)}.`
  return details === undefined ? sentence : `${sentence} ${details}`
}

/** What the help of a command says after its options: examples, exit codes and environment. */
function moreHelp({ examples, exits, environment = [] }: CommandRecord, helper: Help): string {
  const variables: readonly Variable[] = [...environment, 'NO_COLOR']
  return [
    ...section('Examples:', examples.map(exampleLines)),
    ...section('Exit codes:', items(Object.entries(exits), helper)),
    ...section(
      'Environment:',
      items(
        variables.map((name) => [name, ENVIRONMENT[name]]),
        helper,
      ),
    ),
  ].join('\n')
}

function section(title: string, entries: readonly string[]): readonly string[] {
  return entries.length === 0 ? [] : ['', title, ...entries]
}

const exampleLines = ([words, line]: CommandRecord['examples'][number]): string =>
  `  # ${words}\n  expunge ${line}`

/** Terms and descriptions, aligned and wrapped like commander's own lists. */
function items(pairs: readonly (readonly [string, string])[], helper: Help): readonly string[] {
  const width = Math.max(...pairs.map(([term]) => term.length))
  return pairs.map(([term, words]) => `${helper.formatItem(term, width, words, helper)}`)
}
