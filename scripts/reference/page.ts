import { COMMANDS } from '../../src/cli/commands.ts'
import { ENVIRONMENT } from '../../src/cli/environment.ts'
import { type CommandRecord, flagsOf, type OptionRecord } from '../../src/cli/options.ts'

const INTRODUCTION = `# The command line

Every command of \`expunge\`, with its options, examples, exit codes and environment variables. This page is generated
from the command table (\`npm run reference\`); \`expunge help <command>\` and the man page \`expunge(1)\` say the same.

- **Output:** answers go to stdout, everything else to stderr. With \`--json\`, stdout contains only JSON.
- **Terminal:** lines are wrapped at its width. \`NO_COLOR\` turns colors off. With \`LC_ALL=C\` the output is ASCII.
- **Confirmation:** commands that delete or cancel ask first. Without a terminal they require \`--yes\`.
- **Completion:** \`source <(expunge completion bash)\` in \`~/.bashrc\`; zsh and fish are supported, too.
`

/** docs/command-line.md, from the command table. */
export function commandLinePage(): string {
  const groups = Map.groupBy(Object.entries(COMMANDS), ([, { group }]) => group)
  const index = [...groups].map(([group, commands]) => {
    const links = commands.map(([name]) => `[${name}](#expunge-${name})`)
    return `| ${group.replace(':', '')} | ${links.join(' · ')} |`
  })
  const table = ['| | commands |', '|---|---|', ...index].join('\n')
  const sections = [...groups.values()].flat().map(([name, record]) => section(name, record))
  return [INTRODUCTION, table, ...sections].join('\n').trimEnd().concat('\n')
}

function section(name: string, record: CommandRecord): string {
  const { summary, details, argument = {}, examples, exits, environment = [] } = record
  const given = Object.keys(argument).map((key) => ` <${key}>`)
  const options = Object.entries(record.options).filter(([, { hidden }]) => !hidden)
  return [
    `\n## expunge ${name}\n`,
    filled(`${summary[0]?.toUpperCase()}${summary.slice(1)}.${details ? ` ${details}` : ''}`),
    '',
    '```text',
    `expunge ${name}${given.join('')}${options.length > 0 ? ' [options]' : ''}`,
    '```',
    ...table(
      ['option', 'meaning'],
      options.map(([key, option]) => [flags(key, option), meaning(option)]),
    ),
    '',
    '```sh',
    examples.map(([words, line]) => `# ${words}\nexpunge ${line}`).join('\n'),
    '```',
    ...table(['exit code', 'meaning'], Object.entries(exits)),
    ...table(
      ['environment', 'meaning'],
      environment.map((variable) => [`\`${variable}\``, ENVIRONMENT[variable]]),
    ),
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return ['', line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)]
}

function flags(name: string, option: OptionRecord): string {
  const { value } = option
  const all = flagsOf(name, option).map((flag) => `\`${flag}\``)
  return all.join(', ') + (value === undefined ? '' : ` \`${value}\``)
}

/** The summary with choices and default. */
export function meaning({ summary, choices, default: value, required }: OptionRecord): string {
  return [
    summary.replaceAll('<', '\\<'),
    ...(choices === undefined ? [] : [`; ${choices.join(', ')}`]),
    ...(value === undefined ? [] : [` (default: ${String(value)})`]),
    ...(required ? [' (required)'] : []),
  ].join('')
}

/** Paragraphs of at most 120 characters a line. */
function filled(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line.length + word.length >= 120) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}
