import { InvalidArgumentError, Option } from 'commander'
import type { Variable } from './environment.ts'

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
  /** @throws InvalidArgumentError saying what is expected */
  readonly parse?: (text: string) => unknown
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
type ValueOf<O> = O extends { readonly parse: (text: string) => infer V }
  ? V
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

function configured(option: Option, { parse, choices, default: value }: OptionRecord): Option {
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

/** A count: 1 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number from 1.')
  }
  return value
}

/** A share. */
export function ratio(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.')
  }
  return value
}

export function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  }
  return port
}

export function milliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds.')
  return Number(text)
}

/** An interval, in milliseconds. */
export function seconds(text: string): number {
  const value = Number(text)
  if (!/^[\d.]+$/.test(text) || !(value >= 0.1 && value <= 3600)) {
    throw new InvalidArgumentError('Expected seconds, 0.1 to 3600.')
  }
  return value * 1000
}

/** `a,b` */
export function names(text: string): readonly string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.includes('')) throw new InvalidArgumentError('Expected names, separated by commas.')
  return list
}

/** `a`, or `a,b`; each use of the option adds to those before. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...new Set([...before, ...names(text)])]
}

/** When a request is to end: at a moment, or this long after its submission. */
type Deadline =
  | { readonly kind: 'at'; readonly at: string }
  | { readonly kind: 'in'; readonly ms: number }

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const
const DURATION = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?$/

/** `2h`, `1d12h`, `90m`, or ISO 8601; a time without a zone is local time. */
export function deadline(text: string): Deadline {
  const [, d = 0, h = 0, m = 0, s = 0] = DURATION.exec(text) ?? []
  const ms = Number(d) * UNITS.d + Number(h) * UNITS.h + Number(m) * UNITS.m + Number(s) * UNITS.s
  if (ms > 0) return { kind: 'in', ms }
  const at = MOMENT.test(text) ? new Date(text) : null
  if (at === null || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError(
      'Expected a duration as in 90m, 2h or 1d12h, or a time as in 2026-12-01T18:00:00Z.',
    )
  }
  return { kind: 'at', at: at.toISOString() }
}
