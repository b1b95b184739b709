import type { ChunkResult } from '../../shared/store/ledger/record-outcome.ts'

/** Why rows go again: a label of a metric. */
export type ResendReason =
  | 'row'
  | 'lock'
  | 'timeout'
  | 'quota'
  | 'other'
  | 'missing'
  | 'aborted'
  | 'vanished'
  | 'unreadable'

/** A chunk that has its outcome, and when and why some of its rows go again. */
export interface CollectedChunk extends ChunkResult {
  readonly resend?: { readonly reason: ResendReason; readonly delayMs: number }
}
