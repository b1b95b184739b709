import type { SourcesConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import type { Fingerprint } from '../../shared/store/ledger/planning.ts'
import type { RequestRecord, Staged, StagedPart } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { PlanCalls } from '../gate/plan-calls.ts'

/** What opening a source needs. For one planning attempt, which reads each source once. */
export interface SourceReading {
  readonly record: RequestRecord
  /** The bytes of this source that were staged at submission; null if it is opened elsewhere. */
  readonly staged: StagedList | null
  readonly store: OrgStore
  readonly guards: Pick<GuardRails, 'fileRoots' | 'fileBase'>
  readonly settings: SourcesConfig
  /** The request's org. Null without a login. */
  readonly salesforce: SourceOrg | null
  readonly notes: SourceNotes
  readonly signal: AbortSignal
}

/** A text of a source, with its own header and compression. Read it to its end before the next. */
export interface SourcePart {
  /** What tells it from the other parts; null if the source has no other. */
  readonly name: string | null
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Bytes of one list. */
export type StagedList = Omit<Staged, 'parts'> & Partial<Pick<StagedPart, 'list'>>

/** What sources ask of Salesforce. */
export interface SourceOrg extends Pick<Salesforce, 'access' | 'query'> {
  /** For the calls of this planning attempt, which wait while the org is paused. */
  calls(signal: AbortSignal): PlanCalls
}

/**
 * Notes about this source in its request's record. A worker may die while it plans; the next
 * attempt must not plan content that has changed since.
 */
export interface SourceNotes {
  /**
   * Compares the source with what the first attempt found, and saves that for later attempts: `seen`
   * when it is opened, before its content is used; `content` (`bytes`, `sha256`) after the last byte.
   * A `stale` attempt was replaced by another one and has no effect, so it needs no check.
   */
  pin(note: 'seen' | 'content', found: Fingerprint): Promise<'same' | 'other' | 'stale'>
  /** The query job of an earlier attempt, to go on with; null if there is none. */
  job(): Promise<Fingerprint | null>
  /** Saves the query job for later attempts, before its rows are used. */
  saveJob(job: Fingerprint): Promise<'saved' | 'stale'>
}
