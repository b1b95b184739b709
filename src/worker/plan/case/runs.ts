import {
  BASE,
  BOTH,
  CASE_OF_DIGIT,
  DIGITS,
  LETTERS,
  type LetterCase,
  LOWER,
  NO_LETTER,
  UPPER,
} from './letters.ts'

/**
 * What chance predicts. Salesforce counts ids up in base 62: after the ten digits come 26
 * upper-case and 26 lower-case letters. At any position, the letters of a run of neighbouring ids
 * therefore change from one case to the other as the run goes on. The start of a run is random; its
 * length is not.
 *
 * Evidence is a likelihood ratio (an e-value) whose mean over intact lists is 1. So evidence of
 * 100,000 or more occurs in at most one intact list in 100,000 (Markov's inequality), whatever the
 * list's size. A mean of such ratios is one as well, so several kinds of damage can be looked for
 * at once.
 */

/**
 * Neighbours further apart than this belong to different runs. It is below 26, so a run cannot skip
 * all letters of one case.
 */
const MOST_STEP = 16

/**
 * A longer run has letters of both cases: it covers all 26 of one case, or the ten digits and more.
 */
const LONGEST = DIGITS + LETTERS
/** Size of a table by length: 0 to `LONGEST`, and one entry for everything longer. */
const LENGTHS = LONGEST + 2

/** Shares of damaged runs to look for, and the weight of each. */
const SHARES = [0.98, 0.8, 0.5, 0.25] as const
const WEIGHTS = [0.4, 0.2, 0.2, 0.2] as const

/**
 * Probability that a run of this length that has letters, with a random start, has only upper-case
 * ones.
 */
export function oneCaseChance(length: number): number {
  if (length > LONGEST) return 0
  const digitsOnly = Math.max(0, DIGITS + 1 - length)
  return (LONGEST + 1 - length - digitsOnly) / (BASE - digitsOnly)
}

/**
 * By share, length and case: the logarithm of how much likelier such a run is among upper-cased
 * ids.
 */
const LOG_RATIOS = SHARES.map((share) =>
  Array.from({ length: LENGTHS }, (_, length) => {
    const chance = oneCaseChance(Math.max(1, length))
    const rest = Math.log(1 - share)
    return { damaged: chance === 0 ? 0 : Math.log1p(share / chance - share), other: rest }
  }),
)

/** Runs by their length and case. */
export class RunCounts {
  readonly #counts = new Uint32Array(LENGTHS * 4)
  /**
   * Index of the first run at each position, which counts only once there is a second; -1 for none.
   */
  readonly #first: Int32Array
  readonly #varies: Uint8Array
  #size = 0

  constructor(positions: number) {
    this.#first = new Int32Array(positions).fill(-1)
    this.#varies = new Uint8Array(positions)
  }

  /** Number of runs that count. */
  get size(): number {
    return this.#size
  }

  /** A position with a single run, such as that of the pod, is no evidence. */
  add(position: number, length: number, letterCase: LetterCase): void {
    const at = Math.min(length, LONGEST + 1) * 4 + letterCase
    const first = this.#first[position] ?? -1
    if (first < 0) this.#first[position] = at
    else {
      if (this.#varies[position] === 0) this.#count(first)
      this.#varies[position] = 1
      this.#count(at)
    }
  }

  clear(): void {
    if (this.#size > 0) this.#counts.fill(0)
    this.#first.fill(-1)
    this.#varies.fill(0)
    this.#size = 0
  }

  /**
   * How many times likelier the runs are if their case was changed than by chance: 1 on average.
   */
  evidence(): number {
    return (this.#evidenceOf(UPPER) + this.#evidenceOf(LOWER)) / 2
  }

  #count(at: number): void {
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#size++
  }

  #evidenceOf(damaged: LetterCase): number {
    let evidence = 0
    for (const [at, ratios] of LOG_RATIOS.entries()) {
      let log = 0
      for (const [length, ratio] of ratios.entries()) {
        for (const letterCase of [UPPER, LOWER, BOTH]) {
          const count = this.#counts[length * 4 + letterCase] ?? 0
          if (count > 0) log += count * (letterCase === damaged ? ratio.damaged : ratio.other)
        }
      }
      evidence += (WEIGHTS[at] ?? 0) * bounded(log)
    }
    return evidence
  }
}

/** A step of 27 from one id to the next can skip exactly the letters of one case. */
const HOLE = LETTERS + 1
/**
 * In an intact run, at most one hole in 32 skips 26 ids, and one in 62 of those starts at this
 * digit.
 */
export const HOLE_CHANCE = 1 / (32 * BASE)
const HOLE_SHARES = [0.9, 0.5, 0.2] as const

/**
 * The evidence of holes in runs of neighbours; `missing` of them skip exactly the letters of one
 * case. Runs of letters alone do not show a changed case if a run has only a few hundred ids.
 */
export function holeEvidence(missing: number, others: number): number {
  const evidence = HOLE_SHARES.map((share) => {
    const damaged = Math.log(share / HOLE_CHANCE)
    const other = Math.log((1 - share) / (1 - HOLE_CHANCE))
    return bounded(missing * damaged + others * other)
  })
  return evidence.reduce((sum, one) => sum + one, 0) / HOLE_SHARES.length
}

/** Keeps sums of millions of these finite. */
function bounded(log: number): number {
  return Math.exp(Math.min(log, 500))
}

/** Called for each run of neighbours at a position. */
type OnRun = (length: number, letterCase: LetterCase) => void

/** Splits the ids of a list into runs at one position, in ascending order. */
export class PositionReader {
  readonly #onRun: OnRun
  #start = -1
  #last = -1
  #case: LetterCase = NO_LETTER
  /** The step before the run. A repeated step is not random, so it counts at most twice. */
  #step = -1
  #repeats = false
  /**
   * Holes in runs that skip exactly the upper-case letters, exactly the lower-case ones, or
   * neither.
   */
  lacksUpper = 0
  lacksLower = 0
  otherHoles = 0

  constructor(onRun: OnRun) {
    this.#onRun = onRun
  }

  /** The last number read; -1 for none. */
  get last(): number {
    return this.#last
  }

  /** Reads the next greater number; its last digit is the character at this position. */
  next(value: number): void {
    const step = value - this.#last
    if (this.#last < 0) this.#begin(value, -1)
    else if (step > 1) {
      this.#seeHole(step)
      if (step > MOST_STEP) {
        this.#close()
        this.#begin(value, step)
      }
    }
    this.#last = value
    this.#case |= CASE_OF_DIGIT[value % BASE] ?? NO_LETTER
  }

  /** Ends the current sequence; the next number is unrelated to it. */
  end(): void {
    if (this.#last >= 0) this.#close()
    this.#last = -1
    this.#step = -1
  }

  #begin(value: number, step: number): void {
    const isSingle = this.#start === this.#last
    this.#repeats = step > 0 && isSingle && step === this.#step
    this.#step = step
    this.#start = value
    this.#case = NO_LETTER
  }

  #close(): void {
    this.#onRun(this.#last - this.#start + 1, this.#repeats ? NO_LETTER : this.#case)
  }

  #seeHole(step: number): void {
    if (step > BASE) return
    const digit = this.#last % BASE
    if (step !== HOLE) this.otherHoles++
    else if (digit === 35) this.lacksLower++
    else if (digit === 9) this.lacksUpper++
    else this.otherHoles++
  }
}
