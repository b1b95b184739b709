import type { IdNumber } from './id-number.ts'
import { IdSet } from './id-set.ts'
import type { JobRequest } from './job.ts'
import { type CompiledRules, compileRules, type RowRules } from './row-rules.ts'
import {
  DELETED,
  ENTITY_IS_DELETED,
  HIDDEN,
  INVALID_CROSS_REFERENCE_KEY,
  type Verdicts,
} from './verdicts.ts'

/** The org's records: which exist, which lie in the Recycle Bin, which are purged. */
export class Org {
  readonly #verdicts: Verdicts
  readonly #recycled = new IdSet()
  readonly #purged = new IdSet()
  #rules: CompiledRules

  constructor(rules: RowRules, verdicts: Verdicts) {
    this.#verdicts = verdicts
    this.#rules = compileRules(rules, verdicts)
  }

  /** Replaces the rules; rows that were judged before keep their verdict. */
  setRules(rules: RowRules): void {
    this.#rules = compileRules(rules, this.#verdicts)
  }

  /** Deletes the record, or says why not. */
  judge(id: IdNumber, operation: JobRequest['operation']): number {
    if (this.#purged.has(id)) return INVALID_CROSS_REFERENCE_KEY
    const hard = operation === 'hardDelete'
    if (!hard && this.#recycled.has(id)) return ENTITY_IS_DELETED
    if (this.#rules.listed && !this.#rules.listed.has(id)) return INVALID_CROSS_REFERENCE_KEY
    const verdict = this.#ruleFor(id, hard)
    if ((verdict & ~HIDDEN) === DELETED) this.#delete(id, hard)
    return verdict
  }

  /** Where the record is, as a query sees it; undefined where there is none. */
  find(id: IdNumber): 'live' | 'recycled' | undefined {
    if (this.#purged.has(id)) return undefined
    if (this.#recycled.has(id)) return 'recycled'
    if (this.#rules.listed && !this.#rules.listed.has(id)) return undefined
    // One that meets a record a few times alone says how it is, not whether it is.
    const rule = this.#rules.rules.find((one) => one.isLasting && one.covers(id))?.verdict
    if (rule === INVALID_CROSS_REFERENCE_KEY) return undefined
    return rule === ENTITY_IS_DELETED ? 'recycled' : 'live'
  }

  dispose(): void {
    this.#recycled.dispose()
    this.#purged.dispose()
  }

  #ruleFor(id: IdNumber, hard: boolean): number {
    for (const rule of this.#rules.rules) {
      // What lies in the Recycle Bin can still be purged.
      if (hard && rule.verdict === ENTITY_IS_DELETED) continue
      if (rule.meets(id)) return rule.verdict
    }
    return DELETED
  }

  #delete(id: IdNumber, hard: boolean): void {
    if (!hard) {
      this.#recycled.add(id)
      return
    }
    this.#recycled.delete(id)
    this.#purged.add(id)
  }
}
