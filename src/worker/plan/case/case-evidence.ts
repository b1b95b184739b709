import { highOf, podOf } from '../../ids/id-set/digits.ts'
import type { IdSet } from '../../ids/id-set.ts'
import { BASE, runsInTurns } from './letters.ts'
import { holeEvidence, PositionReader, RunCounts } from './runs.ts'

/** Digits of an id after its key prefix: the ids of a bucket share the first seven; five follow. */
const HIGH_DIGITS = 7
const DIGITS = 12
/** The first two digits name the pod. */
const POD_DIGITS = 2
/** The ids of a block share all but their last three digits. */
const BLOCK_DIGITS = 3
const BLOCK = BASE ** BLOCK_DIGITS
/** A block with fewer runs gives no usable evidence and counts as 1, the average by chance. */
const FEW_RUNS = 4

/** Weights of the parts of the evidence: all ids, each pod, each block, and holes. */
const WEIGHTS = { whole: 0.4, pods: 0.2, blocks: 0.15, holes: 0.25 }

/**
 * How many times likelier these ids are if the case of some or all letters was changed than if they
 * are intact. The mean over intact lists is at most 1.
 *
 * If only part of a list was changed, that part forms its own pods and blocks, because their
 * letters change too. So the ids of each pod and each block are also judged separately.
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

  /** Reads ids in ascending order. Ids that share their high digits may arrive in several calls. */
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

  /** The evidence of everything read. Nothing can be read afterwards. */
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

/** Running mean; 1 if there are no numbers. */
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
