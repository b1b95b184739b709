import type { DeletableObject } from '../shared/contract/objects.ts'
import type { QueryRequest } from './job-request.ts'
import { timestamp } from './job-views.ts'
import { jobId } from './jobs.ts'
import type { FoundIds } from './records.ts'
import type { QueryJobRecord } from './referee-stats.ts'
import type { Parsed } from './soql.ts'

/** States of a query job: UploadComplete → InProgress → JobComplete | Failed, or Aborted. */
type QueryState = QueryJobRecord['state']

interface Asked {
  readonly soql: Parsed
  readonly columns: readonly string[]
  readonly from: DeletableObject
  readonly version: string
}

/** The user who created the jobs. */
interface Owner {
  readonly userId: string
}

export class QueryJob implements QueryJobRecord {
  readonly id: string
  readonly request: QueryRequest
  readonly soql: Parsed
  readonly columns: readonly string[]
  readonly from: DeletableObject
  readonly apiVersion: string
  readonly createdAt = Date.now()
  state: QueryState = 'UploadComplete'
  modifiedAt = this.createdAt
  startedAt: number | undefined
  errorMessage: string | undefined
  processed = 0
  found: FoundIds | undefined
  gone = false

  constructor(number: number, request: QueryRequest, { soql, columns, from, version }: Asked) {
    this.id = jobId(number)
    this.request = request
    this.soql = soql
    this.columns = columns
    this.from = from
    this.apiVersion = version
  }

  get query(): string {
    return this.request.query
  }

  get object(): string {
    return this.from.name
  }

  get terminal(): boolean {
    return this.state !== 'UploadComplete' && this.state !== 'InProgress'
  }

  enter(state: QueryState, errorMessage?: string): void {
    this.state = state
    this.modifiedAt = Date.now()
    this.errorMessage = errorMessage
    if (state === 'InProgress') this.startedAt = this.modifiedAt
  }
  /** What every answer shows of it. */
  head({ userId }: Owner): object {
    return {
      id: this.id,
      operation: this.request.operation,
      object: this.object,
      createdById: userId,
      createdDate: timestamp(this.createdAt),
      systemModstamp: timestamp(this.modifiedAt),
      state: this.state,
      concurrencyMode: 'Parallel',
      contentType: 'CSV',
      apiVersion: Number(this.apiVersion),
      lineEnding: this.request.lineEnding,
      columnDelimiter: 'COMMA',
    }
  }

  /** What the answer to GET shows of it. */
  view(owner: Owner): object {
    return {
      ...this.head(owner),
      jobType: 'V2Query',
      numberRecordsProcessed: this.processed,
      retries: 0,
      totalProcessingTime: this.startedAt === undefined ? 0 : this.modifiedAt - this.startedAt,
      isPkChunkingSupported: true,
      ...(this.state === 'Failed' && { errorMessage: this.errorMessage ?? '' }),
    }
  }
}
