import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import { COMMANDS, type Flags } from '../commands.ts'
import { type CommandRecord, flagsOf, type OptionRecord } from '../options.ts'

/** Shell completion, derived from the command table. The scripts start no process at TAB. */

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** @throws UsageError if the shell is not supported */
export async function completion(flags: Flags<'completion'>, { screen }: Cli): Promise<ExitCode> {
  const shell = SHELLS.find((one) => one === flags.shell)
  if (shell === undefined) {
    throw new UsageError(`expected one of ${SHELLS.join(', ')}, got ${flags.shell}.`)
  }
  screen.answerData(completionScript(shell).trimEnd())
  return EXIT.ok
}

export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash()
    case 'zsh':
      return zsh()
    case 'fish':
      return fish()
    default:
      throw new TypeError(`Unknown shell ${String(shell satisfies never)}`)
  }
}

const GLOBAL = ['--help', '--version']
const HELP = { name: 'help', summary: 'show the help of a command' }

interface Completed {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletedOption[]
  /** What the argument may be, if that is known. */
  readonly words: readonly string[]
}
interface CompletedOption extends Pick<OptionRecord, 'summary' | 'value' | 'choices'> {
  readonly flags: readonly string[]
}

const NAMES = Object.keys(COMMANDS)

function completed(): readonly Completed[] {
  const commands = Object.entries(COMMANDS).map(([name, record]) => ({
    name,
    summary: record.summary,
    options: optionsOf(record),
    words: name === 'completion' ? SHELLS : [],
  }))
  return [...commands, { ...HELP, options: [], words: NAMES }]
}

function optionsOf({ options }: CommandRecord): readonly CompletedOption[] {
  const shown = Object.entries(options).filter(([, { hidden }]) => !hidden)
  const own = shown.map(([name, record]) => ({ ...record, flags: flagsOf(name, record) }))
  return [...own, { flags: ['-h', '--help'], summary: 'show help' }]
}

const isPath = ({ value }: CompletedOption) => value === '<path>' || value === '<dir>'

/** Where nothing is completed, `-o default` offers files: the value of `--csv` is one. */
function bash(): string {
  const commands = completed()
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .map(({ flags, choices = [] }) => {
        const patterns = flags.map((flag) => `'${name} ${flag}'`).join('|')
        return `    ${patterns}) words='${choices.join(' ')}' ;;`
      }),
  )
  const flags = commands.map(({ name, options, words }) => {
    const all = words.length > 0 ? words : options.flatMap((option) => option.flags)
    return `      ${name}) words='${all.join(' ')}' ;;`
  })
  return `# bash completion of expunge. In ~/.bashrc: source <(expunge completion bash)
_expunge() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=''
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
    *) if ((COMP_CWORD == 1)); then
      words='${[...commands.map(({ name }) => name), ...GLOBAL].join(' ')}'
    else case \${COMP_WORDS[1]} in
${flags.join('\n')}
    esac fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _expunge expunge
`
}

function zsh(): string {
  const commands = completed()
  const names = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`)
  const cases = commands.map(({ name, options, words }) => {
    const specs = options.map(zshOption)
    const argument = words.length === 0 ? [] : [`'1: :(${words.join(' ')})'`]
    return `    ${name}) _arguments ${[...specs, ...argument].join(' \\\n      ')} ;;`
  })
  return `#compdef expunge
# zsh completion of expunge. In ~/.zshrc: source <(expunge completion zsh)
_expunge() {
  local -a commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _expunge ]]; then _expunge "$@"; else compdef _expunge expunge; fi
`
}

function zshOption(option: CompletedOption): string {
  const { flags, summary, value, choices } = option
  const words = `[${summary.replaceAll(/[[\]:\\]/g, String.raw`\$&`)}]`
  const action = isPath(option) ? '_files' : choices === undefined ? ' ' : `(${choices.join(' ')})`
  const argument = value === undefined ? '' : `:${value.replaceAll(/[<>]/g, '')}:${action}`
  const names = flags.length === 1 ? (flags[0] ?? '') : `{${flags.join(',')}}`
  return `'(${flags.join(' ')})'${names}${quoted(words + argument)}`
}

function fish(): string {
  const commands = completed()
  const names = commands.map(
    ({ name, summary }) =>
      `complete -c expunge -f -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
  )
  const rest = commands.flatMap(({ name, options, words }) => {
    const when = `complete -c expunge -n '__fish_seen_subcommand_from ${name}'`
    const argument = words.length === 0 ? [] : [`${when} -f -a '${words.join(' ')}'`]
    return [...argument, ...options.map((option) => `${when} ${fishOption(option)}`)]
  })
  return `# fish completion of expunge: ~/.config/fish/completions/expunge.fish
${[...names, ...rest].join('\n')}
`
}

function fishOption(option: CompletedOption): string {
  const { flags, summary, value, choices } = option
  const names = flags.map((flag) => (/^--/.test(flag) ? `-l ${flag.slice(2)}` : `-s ${flag[1]}`))
  const files = isPath(option) ? '-F' : '-f'
  const argument = value === undefined ? '' : ' -r'
  const words = choices === undefined ? '' : ` -a '${choices.join(' ')}'`
  return `${files} ${names.join(' ')}${argument}${words} -d ${quoted(summary)}`
}

/** In single quotes, for each of the three shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
