import { type IdNumber, IdSet, parseIdText } from './ids.ts'
import type { JobRequest } from './job-request.ts'
import { FieldError, field } from './parse.ts'
import { HIDDEN, VERDICT, type Verdicts } from './verdicts.ts'

/** The org's records: which exist, which are in the Recycle Bin, which are purged. */
export class Org {
  readonly #verdicts: Verdicts
  readonly #recycled = new IdSet()
  readonly #purged = new IdSet()
  #rules: CompiledRules

  constructor(rules: RowRules, verdicts: Verdicts) {
    this.#verdicts = verdicts
    this.#rules = compileRules(rules, verdicts)
  }

  /** Replaces the rules; rows judged before keep their verdict. */
  setRules(rules: RowRules): void {
    this.#rules = compileRules(rules, this.#verdicts)
  }

  /** Deletes the record, or returns why not. */
  judge(id: IdNumber, operation: JobRequest['operation']): number {
    if (this.#purged.has(id)) return VERDICT.INVALID_CROSS_REFERENCE_KEY
    const hard = operation === 'hardDelete'
    if (!hard && this.#recycled.has(id)) return VERDICT.ENTITY_IS_DELETED
    if (this.#rules.listed && !this.#rules.listed.has(id))
      return VERDICT.INVALID_CROSS_REFERENCE_KEY
    const verdict = this.#ruleFor(id, hard)
    if ((verdict & ~HIDDEN) === VERDICT.DELETED) this.#delete(id, hard)
    return verdict
  }

  /** The record's state as a query sees it; undefined if there is none. */
  find(id: IdNumber): 'live' | 'recycled' | undefined {
    if (this.#purged.has(id)) return undefined
    if (this.#recycled.has(id)) return 'recycled'
    if (this.#rules.listed && !this.#rules.listed.has(id)) return undefined
    // A rule that is limited by `times` affects the record's state, not its existence.
    const rule = this.#rules.rules.find((one) => one.isLasting && one.covers(id))?.verdict
    if (rule === VERDICT.INVALID_CROSS_REFERENCE_KEY) return undefined
    return rule === VERDICT.ENTITY_IS_DELETED ? 'recycled' : 'live'
  }

  /** The listed records of a prefix; undefined if every well-formed id is a record. */
  listed(prefix: number): Iterable<IdNumber> | undefined {
    return this.#rules.listed?.ofPrefix(prefix)
  }

  dispose(): void {
    this.#recycled.dispose()
    this.#purged.dispose()
  }

  #ruleFor(id: IdNumber, hard: boolean): number {
    for (const rule of this.#rules.rules) {
      // A record in the Recycle Bin can still be purged.
      if (hard && rule.verdict === VERDICT.ENTITY_IS_DELETED) continue
      if (rule.meets(id)) return rule.verdict
    }
    return VERDICT.DELETED
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

/** Which records the org has, and what happens to some of them. Deterministic. */
export interface RowRules {
  /**
   * `all` (default): every well-formed id of a job's object is a record. `listed`: only those in
   * `listed`.
   */
  readonly exists?: 'all' | 'listed' | undefined
  readonly listed?: Iterable<string> | undefined
  /** The first rule that matches a row decides its verdict. A row without a match is deleted. */
  readonly rules?: readonly RowRule[] | undefined
}

export interface RowRule {
  /**
   * An error code of `sf__Error`: `ENTITY_IS_DELETED` (in the Recycle Bin),
   * `INVALID_CROSS_REFERENCE_KEY` (unknown), `UNABLE_TO_LOCK_ROW`, `DELETE_FAILED`,
   * `INSUFFICIENT_ACCESS_OR_READONLY`, `TooManyLockFailure`, or any other. `MISSING_FROM_RESULTS`:
   * the row is deleted and no result file lists it.
   */
  readonly code: string
  /** The records that it matches. Without `ids` and `ratio`: every record. */
  readonly ids?: Iterable<string> | undefined
  /** The share of all records that it matches, 0 to 1, chosen by a hash of code and id. */
  readonly ratio?: number | undefined
  /** How often it matches each record, such as a lock that goes away. Default: always. */
  readonly times?: number | undefined
  /**
   * The text between code and `:--`; `{id}` stands for the row's value. Default: the code's own.
   */
  readonly message?: string | undefined
}

const MISSING_FROM_RESULTS = 'MISSING_FROM_RESULTS'
/** Each attempt of an id under `times` is remembered in its own set. */
const MAX_TIMES = 100

/** {@link RowRules} compiled for millions of rows. */
interface CompiledRules {
  readonly listed: IdSet | undefined
  readonly rules: readonly CompiledRule[]
}

class CompiledRule {
  readonly verdict: number
  readonly #ids: IdSet | undefined
  readonly #threshold: number
  readonly #seed: number
  readonly #tried: readonly IdSet[] | undefined

  constructor(rule: RowRule, where: string, verdicts: Verdicts) {
    if (!/^[A-Za-z][A-Za-z_]*$/.test(rule.code)) {
      throw new FieldError(`${where}.code: expected an error code as in sf__Error`)
    }
    this.verdict =
      rule.code === MISSING_FROM_RESULTS
        ? VERDICT.DELETED | HIDDEN
        : verdicts.intern(rule.code, rule.message)
    this.#ids = rule.ids === undefined ? undefined : setOf(rule.ids, `${where}.ids`)
    this.#threshold = within(rule.ratio ?? 1, 0, 1, `${where}.ratio`) * 2 ** 32
    this.#seed = seedOf(rule.code)
    const times = rule.times
    this.#tried =
      times === undefined
        ? undefined
        : Array.from({ length: within(times, 1, MAX_TIMES, `${where}.times`) }, () => new IdSet())
  }

  get isLasting(): boolean {
    return this.#tried === undefined
  }

  /** True if the rule applies to the record. */
  covers(id: IdNumber): boolean {
    if (this.#ids && !this.#ids.has(id)) return false
    return this.#threshold === 2 ** 32 || hash(id, this.#seed) < this.#threshold
  }

  /** True if it decides this attempt; with `times` it counts it. */
  meets(id: IdNumber): boolean {
    if (!this.covers(id)) return false
    return this.#tried === undefined || this.#tried.some((set) => set.add(id))
  }
}

function compileRules(rules: RowRules, verdicts: Verdicts): CompiledRules {
  return {
    listed: rules.exists === 'listed' ? setOf(rules.listed ?? [], 'rows.listed') : undefined,
    rules: (rules.rules ?? []).map(
      (rule, at) => new CompiledRule(rule, `rows.rules[${at}]`, verdicts),
    ),
  }
}

/** Row rules as the control surface accepts them. */
export const rowRules = field.strict({
  exists: field.oneOf(['all', 'listed']).optional(),
  listed: field.texts.optional(),
  rules: field
    .listOf(
      field.strict({
        code: field.text,
        ids: field.texts.optional(),
        ratio: field.count.optional(),
        times: field.count.optional(),
        message: field.text.optional(),
      }),
    )
    .optional(),
})

function setOf(ids: Iterable<string>, where: string): IdSet {
  const set = new IdSet()
  for (const text of ids) {
    const id = parseIdText(text)
    if (!id) throw new FieldError(`${where}: expected record ids, got ${JSON.stringify(text)}`)
    set.add(id)
  }
  return set
}

function within(value: number, min: number, max: number, where: string): number {
  if (value >= min && value <= max) return value
  throw new FieldError(`${where}: expected ${min} to ${max}, got ${value}`)
}

function seedOf(code: string): number {
  let seed = 0x9e3779b9
  for (let at = 0; at < code.length; at++) seed = Math.imul(seed ^ code.charCodeAt(at), 0x01000193)
  return seed
}

/** 32 well-mixed bits of an id (the finalizer of MurmurHash3 over its three numbers). */
function hash(id: IdNumber, seed: number): number {
  const top = Math.floor(id.high / 2 ** 32)
  return mix(mix(mix(mix(seed ^ id.prefix) ^ top) ^ (id.high | 0)) ^ id.low) >>> 0
}

function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
