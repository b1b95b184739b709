import { COMMANDS } from '../../src/cli/commands.ts'
import { ENVIRONMENT, type Variable } from '../../src/cli/environment.ts'
import { type CommandRecord, flagsOf, type OptionRecord } from '../../src/cli/options.ts'
import { meaning } from './page.ts'

/** expunge(1) in the macros of man(7), from the command table. */
export function manPage(version: string): string {
  const names = Object.keys(ENVIRONMENT).filter((name): name is Variable => name in ENVIRONMENT)
  return [
    `.TH EXPUNGE 1 "" "expunge ${version}" "User Commands"`,
    '.SH NAME',
    'expunge \\- delete Salesforce records in bulk',
    '.SH SYNOPSIS',
    '.B expunge',
    '.I command',
    '[options]',
    '.SH DESCRIPTION',
    'Plans a deletion, asks for confirmation, deletes the records with the Bulk API 2.0, and accounts for every id.',
    '.SH COMMANDS',
    ...Object.entries(COMMANDS).flatMap(([name, record]) => command(name, record)),
    '.SH ENVIRONMENT',
    ...names.flatMap((name) => term(bold(name), ENVIRONMENT[name])),
    '.SH SEE ALSO',
    'docs/command-line.md and docs/configuration.md in the package',
    '',
  ].join('\n')
}

function command(name: string, record: CommandRecord): readonly string[] {
  const { summary, details, argument = {}, examples, exits } = record
  const given = Object.keys(argument).map((key) => ` \\fI${escaped(key)}\\fR`)
  const options = Object.entries(record.options).filter(([, { hidden }]) => !hidden)
  return [
    `.SS "expunge ${name}${given.join('')}"`,
    line(`${summary[0]?.toUpperCase()}${summary.slice(1)}.${details ? ` ${details}` : ''}`),
    ...options.flatMap(([key, option]) => term(flags(key, option), meaning(option))),
    '.PP',
    'Examples:',
    '.PP',
    '.nf',
    ...examples.map(([words, typed]) => `${line(`  # ${words}`)}\n${line(`  expunge ${typed}`)}`),
    '.fi',
    '.PP',
    'Exit codes:',
    ...Object.entries(exits).flatMap(([code, words]) => term(bold(code), words)),
  ]
}

function flags(name: string, option: OptionRecord): string {
  const { value } = option
  const all = flagsOf(name, option).map(bold).join(', ')
  return value === undefined ? all : `${all} \\fI${escaped(value.replaceAll(/[<>]/g, ''))}\\fR`
}

const term = (head: string, words: string): readonly string[] => ['.TP', head, line(words)]
const bold = (text: string): string => `\\fB${escaped(text)}\\fR`

/** A line of text: a dot or quote at its start would be a request to roff. */
const line = (text: string): string =>
  escaped(text.replaceAll('\\<', '<')).replace(/^(?=[.'])/, '\\&')

function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '\\[u2026]')
}
