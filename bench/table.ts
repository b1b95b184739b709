import { inReverse } from '../test/helpers/scope.ts'
import { median } from './median.ts'

/** What one measurement gave, by its name with its unit (`wall s`, `peak MiB`); words for what is no number. */
export type Figures = Readonly<Record<string, number | string>>

export type Scope = ReturnType<typeof inReverse>

/** One row of a table: measured once in each round. */
export interface Way {
  readonly name: string
  measure(): Promise<Figures>
  /** The rows that this one is compared with, by their names. */
  readonly against?: readonly string[]
}

export interface Table {
  /** What `npm run bench -- NAME` calls it, and the page marks its place with. */
  readonly name: string
  readonly title: string
  /** How much of everything (ids, requests, tries): of a whole run, and of a quick one. */
  readonly size: { readonly full: number; readonly quick: number }
  readonly rounds: number
  /** The figure that is compared, and whose lowest and highest value are told. */
  readonly figure: string
  ways(size: number, scope: Scope): Promise<readonly Way[]>
}

export interface Row {
  readonly way: string
  /** Medians; of words, that of the last round. */
  readonly figures: Figures
  readonly from: number
  readonly to: number
  /** The compared figure, divided by that of each row it is compared with. */
  readonly ratios: Readonly<Record<string, number>>
  readonly rounds: readonly Figures[]
}

/** All ways in each round, one after the other, so that what else the machine does meets all of them. */
export async function measureTable(
  table: Table,
  { size, rounds }: { readonly size: number; readonly rounds: number },
): Promise<readonly Row[]> {
  const closers: (() => Promise<void>)[] = []
  try {
    const ways = await table.ways(
      size,
      inReverse((close) => closers.push(close)),
    )
    const runs = new Map(ways.map((way): [Way, Figures[]] => [way, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [way, all] of runs) all.push(await way.measure())
    }
    return rowsOf(table.figure, runs)
  } finally {
    for (const close of closers) await close()
  }
}

function rowsOf(figure: string, runs: ReadonlyMap<Way, readonly Figures[]>): readonly Row[] {
  const middles = new Map([...runs].map(([{ name }, rounds]) => [name, medians(rounds)]))
  return [...runs].map(([{ name, against = [] }, rounds]) => {
    const figures = middles.get(name) ?? {}
    const values = rounds.map((round) => Number(round[figure]))
    const ratioTo = (other: string) =>
      Number(figures[figure]) / Number(middles.get(other)?.[figure])
    return {
      way: name,
      figures,
      from: Math.min(...values),
      to: Math.max(...values),
      ratios: Object.fromEntries(
        against.filter((other) => middles.has(other)).map((other) => [other, ratioTo(other)]),
      ),
      rounds,
    }
  })
}

function medians(rounds: readonly Figures[]): Figures {
  const middle = ([name, last]: [string, number | string]) => [
    name,
    typeof last === 'number' ? median(rounds.map((round) => Number(round[name]))) : last,
  ]
  return Object.fromEntries(Object.entries(rounds.at(-1) ?? {}).map(middle))
}
