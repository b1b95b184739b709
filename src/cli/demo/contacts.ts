import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { to18 } from '../../shared/contract/record-id.ts'

/** What was written. */
interface Contacts {
  readonly rows: number
  readonly invalid: number
  readonly duplicate: number
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ROWS_AT_ONCE = 10_000
/** One row in so many is odd, so that a demo of any size has some of each kind. */
const INVALID_EVERY = 40_000
const DUPLICATE_EVERY = 2000

/**
 * Writes a CSV of Contact ids as an export would hold them: in the order of creation, 18 characters,
 * and among them what goes wrong in real files.
 */
export async function writeContacts(path: string, rows: number): Promise<Contacts> {
  const file = createWriteStream(path)
  let invalid = 0
  let duplicate = 0
  file.write('Id\n')
  for (let at = 0; at < rows; ) {
    let text = ''
    for (const end = Math.min(rows, at + ROWS_AT_ONCE); at < end; at++) {
      if (at % INVALID_EVERY === 7) {
        text += `${ODD_ROWS[invalid % ODD_ROWS.length]}\n`
        invalid++
      } else if (at % DUPLICATE_EVERY === 11) {
        text += `${contactId(at - 2)}\n`
        duplicate++
      } else text += `${contactId(at)}\n`
    }
    if (!file.write(text)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
  return { rows, invalid, duplicate }
}

/** A name where an id should be, another object's id, an id cut short. */
const ODD_ROWS = ['Jane Example', to18('00Q5g00000Demo1'), '0035g00000Dem']

function contactId(number: number): string {
  let tail = ''
  for (let rest = number; tail.length < 5; rest = Math.floor(rest / 62)) {
    tail = DIGITS.charAt(rest % 62) + tail
  }
  return to18(`0035g00001${tail}`)
}
