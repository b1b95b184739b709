/**
 * How often the judgement of 15-character ids refuses a list that is intact, and how often it sees one
 * whose case was changed. The table in docs/record-ids.md comes from here.
 *
 *   node bench/case-damage.ts [intact lists of each kind and size, default 2000]
 */
import { argv } from 'node:process'
import { caseDamageIn } from '../src/worker/plan/case/case-damage.ts'
import { CHANGES, LISTS, type Random, seeded, setOf } from '../test/helpers/id-lists.ts'

const INTACT_LISTS = Number(argv[2] ?? 2000)
const CHANGED_LISTS = 40
const SIZES = [10, 30, 100, 300, 1000, 5000]

type Make = (random: Random) => string[]

console.log(`| list | ids | ${Object.keys(CHANGES).join(' | ')} |`)
console.log(`|---|---|${'---|'.repeat(Object.keys(CHANGES).length)}`)
let intact = 0
let alarms = 0
const random = seeded(1)
for (const [kind, make] of Object.entries(LISTS)) {
  for (const size of SIZES) {
    const cells: string[] = []
    for (const [name, change] of Object.entries(CHANGES)) {
      const lists = name === 'intact' ? listsOf(size) : CHANGED_LISTS
      const seen = await seenOf(lists, (random) => change(make(size, random), random))
      if (name === 'intact') {
        intact += lists
        alarms += seen
        cells.push(`${seen} of ${lists}`)
      } else cells.push(`${Math.round((100 * seen) / lists)} %`)
    }
    console.log(`| ${kind} | ${size} | ${cells.join(' | ')} |`)
  }
}
console.log(`\nFalse alarms: ${alarms} of ${intact} intact lists.`)

/** Long lists take their time. */
function listsOf(size: number): number {
  return Math.max(20, Math.round(INTACT_LISTS / Math.max(1, size / 100)))
}

async function seenOf(lists: number, make: Make): Promise<number> {
  let seen = 0
  for (let k = 0; k < lists; k++) {
    using set = setOf(make(random))
    if ((await caseDamageIn(set, set, { orgId: null, recased: 0 })) !== null) seen++
  }
  return seen
}
