import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/** For one planning attempt, which reads the source once. */
export interface SourceReading {
  readonly record: RequestRecord
  /** The lot under which the attempt stages its plan. */
  readonly lot: string
  readonly store: OrgStore
  readonly guards: Pick<GuardRails, 'fileRoots' | 'fileBase'>
  readonly signal: AbortSignal
}
