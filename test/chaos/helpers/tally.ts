import type { Outcome, Receipt } from '../../../src/producer/producer.ts'

const VERDICTS = ['deleted', 'alreadyGone', 'failed', 'unprocessed'] as const

/** Everything that was done to the system, and what came of it; the table at the end. */
export class Tally {
  readonly #faults = new Map<string, number>()
  readonly #statuses = new Map<string, number>()
  readonly #codes = new Map<string, number>()
  readonly #doors = new Map<string, number>()
  #approved = 0
  readonly #verdicts: Record<keyof Outcome, number> = {
    ...{ deleted: 0, alreadyGone: 0, failed: 0, unprocessed: 0 },
  }
  readonly #durations = new Map<string, number[]>()
  #jobs = '-'
  #planned = 0
  #tooLate = 0
  #forgotten = 0
  #sentAgain = 0
  #givenUp = 0
  #toldTogether = 0
  #lost = 0
  #twice = 0
  #points = 0
  #pointsFailed = 0

  fault(kind: string): void {
    count(this.#faults, kind)
  }

  point(held: boolean): void {
    this.#points++
    if (!held) this.#pointsFailed++
  }

  /** A request came in by this way. */
  entered(door: string): void {
    count(this.#doors, door)
  }

  /** Ingest jobs in Salesforce, and how many of them were at work at once. */
  jobs(count: number, atWork: number, window: number): void {
    this.#jobs = `${count.toLocaleString('en')}, at most ${atWork} of ${window} at work at once`
  }

  /** Calls of workers that had stood still and lost their job meanwhile; all were refused. */
  tooLate(calls: number): void {
    this.#tooLate += calls
  }

  /** Ingest jobs of which a failover left no trace, and ids that were sent after a final verdict. */
  forgot(jobs: number, sentAgain: number): void {
    this.#forgotten += jobs
    this.#sentAgain += sentAgain
  }

  /** Records that were deleted once, by one job, for several requests. */
  toldTogether(ids: number): void {
    this.#toldTogether += ids
  }

  /** Seconds that something took that has a bound. */
  took(what: string, seconds: number): void {
    const list = this.#durations.get(what) ?? []
    list.push(seconds)
    this.#durations.set(what, list)
  }

  settled({ status, plan, outcome, ingestJobs, error, approvedBy }: Receipt): void {
    count(this.#statuses, status)
    if (error !== null) count(this.#codes, error.code)
    if (approvedBy !== null) this.#approved++
    if (outcome === null) return
    const accepted = plan?.accepted ?? 0
    const told = VERDICTS.reduce((sum, verdict) => sum + outcome[verdict], 0)
    this.#planned += accepted
    this.#lost += Math.max(0, accepted - told)
    this.#twice += Math.max(0, told - accepted)
    for (const verdict of VERDICTS) this.#verdicts[verdict] += outcome[verdict]
    for (const { state, records } of ingestJobs) {
      if (state === 'Abandoned') this.#givenUp += records
    }
  }

  /** Rows of the table: what, and how much. */
  rows(): readonly (readonly [string, string])[] {
    const requests = [...this.#statuses.values()].reduce((sum, count) => sum + count, 0)
    return [
      ...sorted(this.#faults).map(([kind, count]) => row(kind, count)),
      row('crash points tried', this.#points),
      row('crash points that failed', this.#pointsFailed),
      row('requests', requests),
      ...sorted(this.#doors).map(([door, count]) => row(`requests by ${door}`, count)),
      ...sorted(this.#statuses).map(([status, count]) => row(`requests ${status}`, count)),
      row('requests approved', this.#approved),
      ...sorted(this.#codes).map(([code, count]) => row(`receipts with ${code}`, count)),
      ['ingest jobs of the random chaos', this.#jobs],
      row('calls that woke up too late, refused by Salesforce', this.#tooLate),
      row('ingest jobs that a failover forgot', this.#forgotten),
      row('ids sent after their final verdict, a failover having forgotten it', this.#sentAgain),
      row('ids deleted once for several requests', this.#toldTogether),
      row('ids planned', this.#planned),
      ...VERDICTS.map((verdict) => row(`verdicts ${verdict}`, this.#verdicts[verdict])),
      row('of them given up, five workers having died at one step', this.#givenUp),
      row('ids lost', this.#lost),
      row('ids counted twice', this.#twice),
      ...sorted(this.#durations).map(
        ([what, seconds]) => [`${what}, median / longest`, spread(seconds)] as const,
      ),
    ]
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function row(what: string, much: number): readonly [string, string] {
  return [what, much.toLocaleString('en')]
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

function spread(seconds: readonly number[]): string {
  const ascending = seconds.toSorted((a, b) => a - b)
  const median = ascending[Math.floor(ascending.length / 2)] ?? 0
  const longest = ascending.at(-1) ?? 0
  return `${median.toFixed(1)} s / ${longest.toFixed(1)} s (${seconds.length} times)`
}
