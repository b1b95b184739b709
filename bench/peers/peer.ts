import type { Login } from '../sandbox-process.ts'

/** What a run is about. */
export interface Task {
  /** One column `Id`, LF. */
  readonly csv: string
  /** A folder for whatever the tool keeps; gone afterwards. */
  readonly folder: string
}

/** A command to be measured. */
export interface Run {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** How many rows the tool gave an account of, from what it printed or wrote. */
  accounted(stdout: string): Promise<number>
}

export interface Peer {
  readonly name: string
  isInstalled(): boolean
  /** Logs in where that is a step of its own; it is not measured. */
  prepare(login: Login, task: Task): Promise<Run>
}
