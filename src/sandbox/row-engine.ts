import { IdSet, idNumber, parseId, prefixNumber } from './ids.ts'
import type { Job } from './jobs.ts'
import type { Org } from './org.ts'
import type { Referee } from './referee.ts'
import type { BlockReader } from './upload.ts'
import { HIDDEN, VERDICT } from './verdicts.ts'

/** Judges the rows of one job, in place and without garbage. */
export class RowEngine {
  readonly #job: Job
  readonly #prefix: number
  readonly #org: Org
  readonly #referee: Referee
  readonly #seen = new IdSet()
  readonly #id = idNumber()

  constructor(job: Job, prefix: string, org: Org, referee: Referee) {
    this.#job = job
    this.#prefix = prefixNumber(prefix)
    this.#org = org
    this.#referee = referee
  }

  /** Gives rows [from, to) of the block their verdicts. */
  process(block: BlockReader, from: number, to: number): void {
    const { verdicts, request } = this.#job
    for (let row = from; row < to; row++) {
      const problem = this.#read(block, row)
      let verdict = problem
      if (problem === VERDICT.UNPROCESSED) {
        verdict = this.#org.judge(this.#id, request.operation)
        this.#referee.judged(this.#job, this.#id, verdict)
      } else this.#referee.refused(this.#job, problem)
      verdicts[block.firstRow + row] = verdict
      if ((verdict & ~HIDDEN) !== VERDICT.DELETED) this.#job.failed++
    }
    this.#job.processed += to - from
  }

  /** Lets the referee inspect rows that will never be processed. */
  inspect(block: BlockReader, from: number, to: number): void {
    for (let row = from; row < to; row++) this.#read(block, row)
  }

  /** Marks rows whose verdicts nobody will read. */
  excuse(block: BlockReader): void {
    for (let row = 0; row < block.rows; row++) {
      if (parseId(block.bytes, block.starts[row] ?? 0, block.ends[row] ?? 0, this.#id)) {
        this.#referee.excuse(this.#job, this.#id)
      }
    }
  }

  dispose(): void {
    this.#seen.dispose()
  }

  /** Reads one row's id; returns the verdict if it has no valid id, else UNPROCESSED. */
  #read(block: BlockReader, row: number): number {
    const start = block.starts[row] ?? 0
    const end = block.ends[row] ?? 0
    if (end === start) return this.#breach('BLANK_ROW', block, row, VERDICT.MISSING_ARGUMENT)
    if (!parseId(block.bytes, start, end, this.#id)) {
      return this.#breach('MALFORMED_ID', block, row, VERDICT.MALFORMED_ID)
    }
    if (this.#id.prefix !== this.#prefix) {
      return this.#breach('FOREIGN_PREFIX', block, row, VERDICT.INVALID_ID_FIELD)
    }
    if (this.#seen.add(this.#id)) this.#referee.sent(this.#job, this.#id)
    else this.#breach('DUPLICATE_IN_JOB', block, row, VERDICT.UNPROCESSED)
    return VERDICT.UNPROCESSED
  }

  #breach<T>(code: RowBreach, block: BlockReader, row: number, verdict: T): T {
    // Line 1 is the header.
    const line = block.firstRow + row + 2
    this.#referee.violation(code, `job ${this.#job.id}, line ${line}`)
    return verdict
  }
}

type RowBreach = 'BLANK_ROW' | 'DUPLICATE_IN_JOB' | 'FOREIGN_PREFIX' | 'MALFORMED_ID'
