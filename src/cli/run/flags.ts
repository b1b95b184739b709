import type { InputFlags } from '../input-flags.ts'

export interface RunFlags extends InputFlags {
  readonly yes?: true
  readonly results?: string
  readonly json?: true
}
