import { BASE, CASE_OF_DIGIT, HOLE, type LetterCase, MOST_STEP, NO_LETTER } from './run-odds.ts'

/** Told of each run of neighbours at a position. */
type OnRun = (length: number, letterCase: LetterCase) => void

/** How the ids of a list are split into runs at one position, in ascending order. */
export class PositionReader {
  readonly #onRun: OnRun
  #start = -1
  #last = -1
  #case: LetterCase = NO_LETTER
  /** The step before the run; steps that repeat are no chance, and count twice at most. */
  #step = -1
  #repeats = false
  /** Holes in runs that lack exactly the upper-case letters, the lower-case ones, or neither. */
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

  /** Goes on to the next greater number; its last digit is the character at this position. */
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

  /** Ends what was read: the next number has nothing to do with it. */
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
