import { Option } from 'commander'
import type { Variable } from './environment.ts'
import { VALUES } from './option-values.ts'

/** A command as its help shows it. */
export interface CommandRecord {
  /** Heading in the list of commands. */
  readonly group: string
  readonly summary: string
  /** More sentences for the command's own help. */
  readonly details?: string
  /** Name and description of its one argument. */
  readonly argument?: Readonly<Record<string, string>>
  /** By name, which is the flag in camel case. */
  readonly options: Readonly<Record<string, OptionRecord>>
  /** What each does, and its command line without the program's name. */
  readonly examples: readonly (readonly [words: string, line: string])[]
  /** Exit codes with their meanings. */
  readonly exits: Readonly<Record<number, string>>
  /** The most important environment variables that it reads. */
  readonly environment?: readonly Variable[]
}

export interface OptionRecord {
  readonly summary: string
  /** Heading in the command's help, if not `Options:`. */
  readonly group?: string
  /** As in Salesforce's own CLI: `-o`. */
  readonly short?: string
  /** The field of the request that it sets, if that has another name. */
  readonly field?: string
  /** Another long flag with the same meaning. */
  readonly alias?: string
  /** Placeholder for the value in help, such as `<n>`. An option without a value is a switch. */
  readonly value?: string
  /** What the value is, if not text. */
  readonly type?: keyof typeof VALUES
  readonly choices?: readonly string[]
  readonly default?: unknown
  readonly required?: true
  readonly hidden?: true
  /** At most one of a command's exclusive options may be given. */
  readonly exclusive?: true
}

/** What the action of a command receives: its argument and options, by name. */
export type FlagsOf<R extends Pick<CommandRecord, 'options'>> = ArgumentOf<R> & {
  readonly [K in keyof R['options'] as IsAlwaysThere<R['options'][K]> extends true
    ? K
    : never]: ValueOf<R['options'][K]>
} & {
  readonly [K in keyof R['options'] as IsAlwaysThere<R['options'][K]> extends true
    ? never
    : K]?: ValueOf<R['options'][K]>
}

type ArgumentOf<R> = R extends { readonly argument: infer A }
  ? { readonly [K in keyof A]: string }
  : unknown
type IsAlwaysThere<O> = O extends { readonly required: true } | { readonly default: unknown }
  ? true
  : false
type ValueOf<O> = O extends { readonly type: infer T extends keyof typeof VALUES }
  ? ReturnType<(typeof VALUES)[T]>
  : O extends { readonly choices: readonly (infer V)[] }
    ? V
    : O extends { readonly value: string }
      ? string
      : true

/** The options of a command for commander. */
export function commanderOptions({ options }: CommandRecord): readonly Option[] {
  const exclusive = Object.keys(options).filter((name) => options[name]?.exclusive)
  return Object.entries(options).flatMap(([name, record]) => {
    const { alias, value, summary } = record
    const words = alias === undefined ? summary : `${summary}; also ${alias}`
    const option = configured(new Option(termOf(name, record), words), record)
    if (record.required) option.makeOptionMandatory()
    if (record.exclusive) option.conflicts(exclusive.filter((other) => other !== name))
    if (record.hidden) option.hideHelp()
    if (record.group !== undefined) option.helpGroup(record.group)
    if (alias === undefined) return [option]
    const flags = value === undefined ? alias : `${alias} ${value}`
    return [option, configured(new Alias(flags, name), record).hideHelp()]
  })
}

function configured(option: Option, { type, choices, default: value }: OptionRecord): Option {
  const parse: ((text: string) => unknown) | undefined = type && VALUES[type]
  if (parse !== undefined) option.argParser(parse)
  if (choices !== undefined) option.choices(choices)
  return value === undefined ? option : option.default(value)
}

/** A second long flag, which commander does not know: it sets the value of the first. */
class Alias extends Option {
  readonly #of: string

  constructor(flags: string, of: string) {
    super(flags)
    this.#of = of
  }

  override attributeName(): string {
    return this.#of
  }
}

/** `-s, --object <name>` */
function termOf(name: string, { short, value }: OptionRecord): string {
  const flags = [...(short === undefined ? [] : [short]), flagNamed(name)].join(', ')
  return value === undefined ? flags : `${flags} ${value}`
}

/** Every flag of an option: short, long and alias. */
export function flagsOf(name: string, { short, alias }: OptionRecord): readonly string[] {
  return [short, flagNamed(name), alias].filter((flag) => flag !== undefined)
}

/** `--on-invalid` for `onInvalid` */
export function flagNamed(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
