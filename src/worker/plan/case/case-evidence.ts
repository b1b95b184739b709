import { highOf, podOf } from '../../ids/id-set/digits.ts'
import type { IdSet } from '../../ids/id-set.ts'
import { BASE, runsInTurns } from './letters.ts'
import { holeEvidence, PositionReader, RunCounts } from './runs.ts'

/** Digits of an id past its key prefix: seven that a bucket of the set shares, and five. */
const HIGH_DIGITS = 7
const DIGITS = 12
/** The pod stands in the first two. */
const POD_DIGITS = 2
/** The ids of a block share all but their last three digits. */
const BLOCK_DIGITS = 3
const BLOCK = BASE ** BLOCK_DIGITS
/** A block with fewer runs than this has no evidence to speak of: it counts as chance has it. */
const FEW_RUNS = 4

/** What the parts of the evidence count: all ids, those of one pod, those of one block, and holes. */
const WEIGHTS = { whole: 0.4, pods: 0.2, blocks: 0.15, holes: 0.25 }

/**
 * How much likelier these ids are if the case of their letters was changed, of all or of a part, than
 * if it is intact: a number whose mean over intact lists is 1 at most.
 *
 * A part whose case was changed comes to lie in pods and blocks of its own, because their letters
 * are changed too: so the ids of each pod and block are judged by themselves as well.
 */
export async function caseEvidence(ids: IdSet): Promise<number> {
  const reader = new CaseReader()
  for await (const { head, lows } of runsInTurns(ids)) reader.read(highOf(head, 0), lows)
  return reader.evidence()
}

class CaseReader {
  readonly #whole = new RunCounts(DIGITS)
  readonly #pod = new RunCounts(DIGITS)
  readonly #block = new RunCounts(DIGITS)
  readonly #pods = new Mean()
  readonly #blocks = new Mean()
  readonly #positions = Array.from(
    { length: DIGITS },
    (_, at) =>
      new PositionReader((length, letterCase) => {
        this.#whole.add(at, length, letterCase)
        if (at >= POD_DIGITS) this.#pod.add(at, length, letterCase)
        if (at >= DIGITS - BLOCK_DIGITS) this.#block.add(at, length, letterCase)
      }),
  )
  #high = -1
  #lastPod = -1
  #lastBlock = -1

  /** Ids in ascending order, in one or several goes of those that share their high digits. */
  read(high: number, lows: Uint32Array): void {
    if (high !== this.#high) this.#beginHigh(high)
    for (const low of lows) {
      const block = (low / BLOCK) | 0
      if (block !== this.#lastBlock) {
        this.#endBlock()
        this.#lastBlock = block
      }
      let value = low
      for (let at = DIGITS - 1; at >= HIGH_DIGITS; at--) {
        const position = this.#positions[at]
        if (position === undefined || position.last === value) break
        position.next(value)
        value = (value / BASE) | 0
      }
    }
  }

  /** Of all that was read; nothing can be read after it. */
  evidence(): number {
    this.#endHigh()
    this.#endPod()
    this.#end(0, POD_DIGITS)
    return (
      WEIGHTS.whole * this.#whole.evidence() +
      WEIGHTS.pods * this.#pods.value +
      WEIGHTS.blocks * this.#blocks.value +
      WEIGHTS.holes * this.#holes()
    )
  }

  #beginHigh(high: number): void {
    this.#endHigh()
    this.#high = high
    const pod = podOf(high)
    if (pod !== this.#lastPod) {
      this.#endPod()
      this.#lastPod = pod
    }
    let value = high
    for (let at = HIGH_DIGITS - 1; at >= 0; at--) {
      const position = this.#positions[at]
      if (position === undefined || position.last === value) break
      position.next(value)
      value = Math.floor(value / BASE)
    }
  }

  #endHigh(): void {
    this.#endBlock()
    this.#lastBlock = -1
    this.#end(HIGH_DIGITS, DIGITS)
  }

  #endBlock(): void {
    if (this.#lastBlock < 0) return
    this.#end(DIGITS - BLOCK_DIGITS, DIGITS)
    this.#blocks.add(this.#block.size < FEW_RUNS ? 1 : this.#block.evidence())
    this.#block.clear()
  }

  #endPod(): void {
    if (this.#lastPod < 0) return
    this.#end(POD_DIGITS, HIGH_DIGITS)
    this.#pods.add(this.#pod.evidence())
    this.#pod.clear()
  }

  #end(from: number, to: number): void {
    for (let at = from; at < to; at++) this.#positions[at]?.end()
  }

  #holes(): number {
    const sum = (of: (position: PositionReader) => number) =>
      this.#positions.reduce((total, position) => total + of(position), 0)
    const lacksUpper = sum((position) => position.lacksUpper)
    const lacksLower = sum((position) => position.lacksLower)
    const others = sum((position) => position.otherHoles)
    return (
      (holeEvidence(lacksUpper, others + lacksLower) +
        holeEvidence(lacksLower, others + lacksUpper)) /
      2
    )
  }
}

/** The mean of numbers that come one by one; 1 of none. */
class Mean {
  #sum = 0
  #count = 0

  add(value: number): void {
    this.#sum += value
    this.#count++
  }

  get value(): number {
    return this.#count === 0 ? 1 : this.#sum / this.#count
  }
}
