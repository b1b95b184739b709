import type { Host } from './host.ts'
import type { Screen } from './screen.ts'

/** What every command is given. */
export interface Cli {
  readonly screen: Screen
  /** For its signals; everything else of it goes through the screen. */
  readonly host: Host
  readonly version: string
  /** As typed, without the program's own name. */
  readonly argv: readonly string[]
  /** How the process ends once the command is done. */
  exit(code: number): void
}
