import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { SourceType, StoredSource } from '../../shared/contract/sources/sources.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/** A source as the ledger keeps it, of one kind. */
export type SourceOf<Type extends SourceType> = Extract<StoredSource, { readonly type: Type }>

/** Of one planning attempt, which reads the source once. */
export interface SourceReading {
  readonly record: RequestRecord
  /** What the attempt stages its plan under. */
  readonly lot: string
  readonly store: OrgStore
  readonly guards: Pick<GuardRails, 'fileRoots' | 'fileBase'>
  readonly signal: AbortSignal
}

/** What a worker does with the sources of a kind. */
export interface SourceOpener<Source> {
  /**
   * The bytes, once, in order, with back-pressure. Leaving the loop early closes whatever is open;
   * what goes wrong is thrown into the loop, the signal's reason among it.
   */
  open(source: Source, reading: SourceReading): AsyncIterable<Uint8Array>
}
