import { type IdNumber, IdSet } from './ids.ts'

/**
 * The row engine's verdict on one row, one byte each. The texts are those of `sf__Error`:
 * `CODE:message:fields --` (failed record results; status codes of the platform's API).
 */
export const VERDICT = {
  UNPROCESSED: 0,
  DELETED: 1,
  ENTITY_IS_DELETED: 2,
  INVALID_CROSS_REFERENCE_KEY: 3,
  MISSING_ARGUMENT: 4,
  MALFORMED_ID: 5,
  INVALID_ID_FIELD: 6,
} as const

/** Set on a verdict whose row no result file lists. */
export const HIDDEN = 0x80
const CAPACITY = 0x80

/** Stands for the row's value in an error text. */
const VALUE = '{id}'
/** Stands for the job's object in an error text. */
const OBJECT = '{object}'

interface Verdict {
  readonly code: string
  /** The complete `sf__Error`. */
  readonly text: string
}

const BUILT_IN: readonly Verdict[] = [
  { code: 'UNPROCESSED', text: '' },
  { code: 'DELETED', text: '' },
  { code: 'ENTITY_IS_DELETED', text: 'ENTITY_IS_DELETED:entity is deleted:--' },
  {
    code: 'INVALID_CROSS_REFERENCE_KEY',
    text: 'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--',
  },
  { code: 'MISSING_ARGUMENT', text: 'MISSING_ARGUMENT:Id not specified in a delete call:Id --' },
  { code: 'MALFORMED_ID', text: `MALFORMED_ID:malformed id ${VALUE}:Id --` },
  {
    code: 'INVALID_ID_FIELD',
    text: `INVALID_ID_FIELD:Invalid Id for entity type '${OBJECT}':Id --`,
  },
]

/** Messages of codes for rules without their own message. */
const MESSAGES: Readonly<Record<string, string>> = {
  UNABLE_TO_LOCK_ROW: `unable to obtain exclusive access to this record or 1 records: ${VALUE}`,
  DELETE_FAILED:
    'Your attempt to delete this record could not be completed because it is associated with the following cases.: 00001026',
  INSUFFICIENT_ACCESS_OR_READONLY: 'insufficient access rights on object id',
  ENTITY_IS_LOCKED: 'the entity is locked for editing',
  SERVER_UNAVAILABLE: 'server temporarily unavailable',
  TooManyLockFailure: 'Too many lock failure 200 Trying again later.',
  UNKNOWN_EXCEPTION: 'An unexpected error occurred',
}

const TRANSIENT: ReadonlySet<string> = new Set([
  'UNPROCESSED',
  'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE',
  'LIMIT_EXCEEDED',
  'QUERY_TIMEOUT',
  'REQUEST_RUNNING_TOO_LONG',
  'SERVER_UNAVAILABLE',
  'TOO_MANY_APEX_REQUESTS',
  'UNKNOWN_EXCEPTION',
])

/** A lock is transient wherever it is named, because errors of triggers embed other errors. */
const LOCK = /UNABLE_TO_LOCK_ROW|TooManyLockFailure/i

/** The verdicts of one sandbox: the built-in ones and those of its rules. */
export class Verdicts {
  readonly #verdicts: Verdict[] = [...BUILT_IN]

  /** The byte of a code with this message; defaults to the code's own message. */
  intern(code: string, message?: string): number {
    const known = BUILT_IN.findIndex((verdict) => verdict.code === code)
    if (known >= 0 && message === undefined) return known
    const text = `${code}:${message ?? MESSAGES[code] ?? 'refused by a rule of the sandbox'}:--`
    const same = this.#verdicts.findIndex((verdict) => verdict.text === text)
    if (same >= 0) return same
    if (this.#verdicts.length >= CAPACITY) {
      throw new RangeError(
        `Row rules: expected at most ${CAPACITY} different error texts, got one more (${code}). ` +
          'Restart the sandbox, or let rules share a message.',
      )
    }
    return this.#verdicts.push({ code, text }) - 1
  }

  code(verdict: number): string {
    return this.#verdicts[verdict & ~HIDDEN]?.code ?? 'UNPROCESSED'
  }

  /** The error text of a row of this object, split at the row's value. */
  textAround(verdict: number, object: string): readonly string[] {
    const text = this.#verdicts[verdict & ~HIDDEN]?.text ?? ''
    return text.replaceAll(OBJECT, object).split(VALUE)
  }

  /** True if the same row may succeed in another job. */
  isTransient(verdict: number): boolean {
    const { code, text } = this.#verdicts[verdict & ~HIDDEN] ?? { code: '', text: '' }
    return TRANSIENT.has(code) || LOCK.test(text)
  }
}

/**
 * Which ids arrived, and their verdicts: one compressed set per verdict, so millions of ids stay
 * cheap.
 */
export class IdLog {
  readonly #verdicts: Verdicts
  readonly #sent = new IdSet()
  readonly #given: IdSet[] = []
  readonly #counts: number[] = []
  /**
   * Ids whose last final verdict no client can have read. Until one can, sending them again is
   * allowed.
   */
  readonly #excused = new IdSet()
  sentAgain = 0
  deletedTwice = 0
  hidden = 0

  constructor(verdicts: Verdicts) {
    this.#verdicts = verdicts
  }

  /** Records an arrival; true if the id came again although it had a final verdict. */
  sent(id: IdNumber): boolean {
    if (this.#sent.add(id)) return false
    this.sentAgain++
    if (this.#excused.has(id)) return false
    return this.#given.some((set, verdict) => !this.#verdicts.isTransient(verdict) && set.has(id))
  }

  judged(id: IdNumber, verdict: number): void {
    const code = verdict & ~HIDDEN
    this.count(code)
    const first = this.#setOf(code).add(id)
    if (!first && code === VERDICT.DELETED) this.deletedTwice++
    if ((verdict & HIDDEN) !== 0) {
      this.hidden++
      this.#excused.add(id)
    } else if (!this.#verdicts.isTransient(code)) this.#excused.delete(id)
  }

  count(verdict: number): void {
    this.#counts[verdict] = (this.#counts[verdict] ?? 0) + 1
  }

  excuse(id: IdNumber): void {
    this.#excused.add(id)
  }

  get deleted(): number {
    return this.#counts[VERDICT.DELETED] ?? 0
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    this.#counts.forEach((count, verdict) => {
      const code = this.#verdicts.code(verdict)
      counts[code] = (counts[code] ?? 0) + count
    })
    return counts
  }

  codesOf(id: IdNumber): string[] {
    return this.#given.flatMap((set, verdict) =>
      set.has(id) ? [this.#verdicts.code(verdict)] : [],
    )
  }

  dispose(): void {
    this.#sent.dispose()
    this.#excused.dispose()
    for (const set of this.#given) set.dispose()
  }

  #setOf(verdict: number): IdSet {
    while (this.#given.length <= verdict) this.#given.push(new IdSet())
    return this.#given[verdict] ?? new IdSet()
  }
}
