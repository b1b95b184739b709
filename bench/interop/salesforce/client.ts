import type { Sandbox, ViolationCode } from '../../../src/sandbox/sandbox.ts'

/** What a client is given: log in, delete these records, and tell what became of each. */
export interface Task {
  readonly sandbox: Sandbox
  /** One column `Id`, LF: the ids of `deleted` and `refused`. */
  readonly csv: string
  readonly deleted: readonly string[]
  /** Records that the org refuses to delete, `DELETE_FAILED`. */
  readonly refused: readonly string[]
  /** Further records, for a second job, and how many: all are deleted. */
  readonly nextCsv: string
  readonly next: number
  /** A query of three Leads. */
  readonly queryOfLeads: string
  readonly leads: readonly string[]
  /** PEM; the sandbox has its other half. */
  readonly keyFile: string
  readonly username: string
  /** A home of the client's own; gone afterwards. */
  readonly folder: string
}

/** What a client reports, by what it was asked. */
export type Facts = Readonly<Record<string, unknown>>

export interface Client {
  readonly name: string
  /** Its package, whose version is told. */
  readonly package: string
  /** Runs the client whole. */
  attempt(task: Task): Promise<Facts>
  expected(task: Task): Facts
  /** What it may do that Expunge may not, by the referee's word for it. */
  readonly permits?: readonly ViolationCode[]
}
