import { setImmediate } from 'node:timers/promises'
import { highOf } from '../../ids/id-set/digits.ts'
import type { IdSet } from '../../ids/id-set.ts'
import {
  BASE,
  BOTH,
  CASE_OF_DIGIT,
  caseOf,
  LETTERS,
  type LetterCase,
  LOWER,
  NO_LETTER,
  runsInTurns,
  UPPER,
} from './letters.ts'

/**
 * Finds ids that are duplicates once case is ignored: the same record, listed intact and changed.
 *
 * Twins alone prove nothing. A run of neighbours holds many (`…a` comes 26 ids after `…A`), and
 * very many ids contain some by chance. So only blocks of 3,844 numbers count in which every
 * unchecked id is the image of another id in the list: all its letters have one case, and changing
 * some of them to the other case gives that id. The count is compared with other alphabets, in
 * which the letters of one case are shifted against those of the other: by chance, and in runs of
 * neighbours, A pairs with a no more often than with q.
 */

/** The seven high digits of an id after its key prefix, and the five low ones. */
interface Digits {
  readonly high: number
  readonly low: number
}

/** Unchecked ids that share all but their last two digits and have letters of this case only. */
interface Block {
  readonly letterCase: LetterCase
  readonly ids: readonly Digits[]
}

const BLOCK = BASE ** 2
const HIGH_DIGITS = 7
const LOW_DIGITS = 5

/** More blocks than this add no information. */
const MOST_BLOCKS = 20_000
/** Ids looked up with shifted alphabets in total: half a second. */
const LOOK_UPS = 200_000

/** @returns whether more ids of `unchecked` are images of ids of `all` than chance explains */
export async function hasTwins(unchecked: IdSet, all: IdSet): Promise<boolean> {
  const blocks = await blocksOf(unchecked)
  const images = blocks.filter((block) => isOfImages(block, all, NO_SHIFT))
  if (images.length === 0) return false
  const ids = blocks.reduce((sum, block) => sum + block.ids.length, 0)
  const tries = Math.min(1000, Math.max(8, Math.floor(LOOK_UPS / ids)))
  return images.length > (await mostByChance(blocks, all, tries))
}

/**
 * Twice the highest count of any shifted alphabet, plus a few if only few were tried. By chance, at
 * most one list in 2,500 exceeds it.
 */
async function mostByChance(blocks: readonly Block[], all: IdSet, tries: number): Promise<number> {
  const random = generator()
  let most = 0
  for (let k = 0; k < tries; k++) {
    const shifts = Uint8Array.from({ length: HIGH_DIGITS + LOW_DIGITS }, () => random() % LETTERS)
    const images = blocks.filter((block) => isOfImages(block, all, shifts))
    most = Math.max(most, images.length)
    await setImmediate()
  }
  return 2 * most + (tries >= 1000 ? 0 : tries >= 100 ? 1 : 3)
}

const NO_SHIFT = new Uint8Array(HIGH_DIGITS + LOW_DIGITS)

/** Whether every id of the block is the image of another id. */
function isOfImages({ letterCase, ids }: Block, all: IdSet, shifts: Uint8Array): boolean {
  return ids.every((id) => {
    const lows = spellings(id.low, LOW_DIGITS, letterCase, shifts.subarray(HIGH_DIGITS))
    return spellings(id.high, HIGH_DIGITS, letterCase, shifts)
      .filter((high) => all.hasHigh(high))
      .some((high) => lows.some((low) => isOther(id, { high, low }) && all.hasDigits(high, low)))
  })
}

const isOther = (a: Digits, b: Digits) => a.high !== b.high || a.low !== b.low

/** The number with each of its letters in this case or, shifted, in the other. */
function spellings(
  number: number,
  digits: number,
  letterCase: LetterCase,
  shifts: Uint8Array,
): readonly number[] {
  let found = [number]
  let rest = number
  let unit = 1
  for (let at = digits - 1; at >= 0; at--) {
    const digit = rest % BASE
    rest = Math.floor(rest / BASE)
    if (CASE_OF_DIGIT[digit] !== NO_LETTER) {
      const [own, other] = letterCase === UPPER ? [10, 36] : [36, 10]
      const twin = other + ((digit - own + (shifts[at] ?? 0)) % LETTERS)
      const step = (twin - digit) * unit
      found = [...found, ...found.map((one) => one + step)]
    }
    unit *= BASE
  }
  return found
}

/** The blocks in which every id has letters, all of one and the same case. */
async function blocksOf(ids: IdSet): Promise<readonly Block[]> {
  const blocks: Block[] = []
  let block = emptyBlock(-1, -1, BOTH)
  const take = () => {
    if (block.letterCase === UPPER || block.letterCase === LOWER) blocks.push(block)
  }
  for await (const { head, lows } of runsInTurns(ids)) {
    const high = highOf(head, 0)
    const highCase = caseOf(high)
    if (highCase === BOTH) continue
    for (const low of lows) {
      const number = (low / BLOCK) | 0
      if (number !== block.number || high !== block.high) {
        take()
        if (blocks.length >= MOST_BLOCKS) return blocks
        block = emptyBlock(high, number, NO_LETTER)
      }
      if (block.letterCase === BOTH) continue
      const own = highCase | caseOf(low)
      block.letterCase |= own === NO_LETTER ? BOTH : own
      block.ids.push({ high, low })
    }
  }
  take()
  return blocks
}

/** A block that is being filled. */
interface GrowingBlock {
  readonly high: number
  readonly number: number
  letterCase: LetterCase
  readonly ids: Digits[]
}

function emptyBlock(high: number, number: number, letterCase: LetterCase): GrowingBlock {
  return { high, number, letterCase, ids: [] }
}

/** Deterministic, so that planning again finds the same. */
function generator(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
}
