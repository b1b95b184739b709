import type { Readable, Writable } from 'node:stream'
import type { Signals } from '../shared/base/shutdown.ts'

/**
 * What a command needs of the process around it: `process` is one. A program that runs a command
 * within itself, as tests do, passes its own streams and environment.
 *
 * The working directory is the process's own in both cases.
 */
export interface Host extends Signals {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: HostInput
  readonly stdout: Output
  readonly stderr: Output
}

export type HostInput = Readable & { readonly isTTY?: boolean; readonly fd?: number }
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }
