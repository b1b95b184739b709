import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { spellId } from '../ids/id-set/digits.ts'
import type { IdSet } from '../ids/id-set.ts'

const LF = 10
/** An id and its LF. */
const LINE_LENGTH = ID_LENGTH + 1
/** Lines that are spelled and hashed in one go: 1 MiB, some 5 ms, so that others get their turn. */
const LINES = 65_536

/** Hex SHA-256 over the ids in ascending order of their bytes, each with LF. */
export async function digestOf(ids: IdSet): Promise<string> {
  const hash = createHash('sha256')
  const lines = new Uint8Array(LINES * LINE_LENGTH).fill(LF)
  const view = new DataView(lines.buffer)
  let count = 0
  for (const { head, lows } of ids.runs()) {
    for (let from = 0; from < lows.length; ) {
      const part = lows.subarray(from, from + LINES - count)
      spellIds(head, part, view, count * LINE_LENGTH)
      from += part.length
      count += part.length
      if (count < LINES) continue
      hash.update(lines)
      count = 0
      await setImmediate()
    }
  }
  return hash.update(lines.subarray(0, count * LINE_LENGTH)).digest('hex')
}

function spellIds(head: DataView, lows: Uint32Array, lines: DataView, start: number): void {
  for (let i = 0; i < lows.length; i++) spellId(head, lows[i] ?? 0, lines, start + i * LINE_LENGTH)
}
