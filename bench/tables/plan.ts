/** How fast a list of ids becomes a plan, part by part, and what memory that takes. */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parse } from 'fast-csv'
import { suffixOf } from '../../src/shared/contract/record-id.ts'
import { Distinct } from '../../src/worker/plan/distinct.ts'
import { scan } from '../../src/worker/plan/scan.ts'
import { readFileOnce } from '../../src/worker/sources/file.ts'
import { alone } from '../alone.ts'
import { shuffled } from '../id-file.ts'
import type { Scope, Table, Way } from '../table.ts'

const CONTACT = { name: 'Contact', prefix: '003' }
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SERVER_BLOCKS = 64

const FILES = {
  sequential: { order: (i: number) => i, row: (id: string) => id },
  shuffled: { order: shuffled, row: (id: string) => id },
  '15 characters': { order: (i: number) => i, row: (id: string) => id.slice(0, 15) },
  '15 characters, shuffled': { order: shuffled, row: (id: string) => id.slice(0, 15) },
  'general CSV': { order: (i: number) => i, row: contactRow },
  'ten columns, quotes and line ends': { order: (i: number) => i, row: noteRow },
}
type FileName = keyof typeof FILES

/** Of files with several columns, which have a tenth of the rows. */
const HEADERS: Partial<Readonly<Record<FileName, string>>> = {
  'general CSV': 'Id,Name,Email,City,CreatedDate',
  'ten columns, quotes and line ends': 'Id,Name,Email,Notes,CreatedDate,A,B,C,D,E',
}

const CASES = {
  // Without the digest that reading a source makes of it.
  read: async (path: string) => {
    for await (const _ of createReadStream(path, { highWaterMark: 512 * 1024 }));
  },
  scan: async (path: string) => {
    for await (const _ of scan(open(path), { object: CONTACT }));
  },
  'scan, distinct': async (path: string) => {
    using _ = await distinctIn(path)
  },
  'scan, distinct, digest': async (path: string) => {
    using distinct = await distinctIn(path)
    await distinct.digest()
  },
  'scan, distinct, case': async (path: string) => {
    using distinct = await distinctIn(path)
    await distinct.caseDamage(null)
  },
  'fast-csv alone': async (path: string) => {
    const rows = parse<string[], string[]>({ headers: false })
    rows.on('data', () => {})
    await pipeline(createReadStream(path), rows)
  },
}
type CaseName = keyof typeof CASES

const PLAN: readonly (readonly [FileName, readonly CaseName[]])[] = [
  ['sequential', ['read', 'scan', 'scan, distinct', 'scan, distinct, digest']],
  ['shuffled', ['read', 'scan, distinct', 'scan, distinct, digest']],
  ['15 characters', ['read', 'scan', 'scan, distinct', 'scan, distinct, case']],
  ['15 characters, shuffled', ['read', 'scan, distinct', 'scan, distinct, case']],
  ['general CSV', ['fast-csv alone', 'scan']],
  ['ten columns, quotes and line ends', ['fast-csv alone', 'scan']],
]

export const plan: Table = {
  name: 'plan',
  title: 'Planning, part by part; `sources` adds the staging',
  size: { full: 5_200_000, quick: 20_000 },
  rounds: 3,
  figure: 'MB/s',
  ways: async (count, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const ways = []
    for (const [file, cases] of PLAN) ways.push(...(await waysOf(folder, file, cases, count)))
    return ways
  },
}

async function waysOf(
  folder: string,
  file: FileName,
  cases: readonly CaseName[],
  count: number,
): Promise<readonly Way[]> {
  const path = join(folder, `${file}.csv`)
  await writeIds(path, file, HEADERS[file] === undefined ? count : Math.ceil(count / 10))
  const mb = (await stat(path)).size / 1e6
  const [first] = cases
  return cases.map((name) => ({
    name: `${file}: ${name}`,
    ...(name === first ? {} : { against: [`${file}: ${first}`] }),
    measure: async () => {
      const figures = await alone(import.meta.filename, part, name, path)
      return { 'MB/s': mb / figures['wall s'], ...figures }
    },
  }))
}

export async function part(_: Scope, name: CaseName, path: string) {
  return async () => {
    await CASES[name](path)
    return {}
  }
}

async function distinctIn(path: string): Promise<Distinct> {
  const distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
  for await (const block of scan(open(path), { object: CONTACT })) distinct.add(block)
  return distinct
}

function open(path: string): AsyncIterable<Uint8Array> {
  return readFileOnce({ path, roots: [tmpdir()] })
}

async function writeIds(path: string, file: FileName, count: number): Promise<void> {
  const { order, row } = FILES[file]
  const heads = Array.from(
    { length: SERVER_BLOCKS },
    (_, block) => `0035g000${counter(block).slice(3)}`,
  )
  const perBlock = Math.ceil(count / SERVER_BLOCKS)
  const out = createWriteStream(path)
  out.write(`${HEADERS[file] ?? 'Id'}\n`)
  for (let from = 0; from < count; from += 10_000) {
    let text = ''
    for (let i = from; i < Math.min(count, from + 10_000); i++) {
      const at = order(i, count)
      const id = `${heads[Math.floor(at / perBlock)] ?? ''}${counter((at % perBlock) + 3844)}`
      text += `${row(`${id}${suffixOf(id)}`, at)}\n`
    }
    if (!out.write(text)) await once(out, 'drain')
  }
  await new Promise<void>((resolve) => out.end(resolve))
}

function counter(value: number): string {
  let text = ''
  for (let k = 0, rest = value; k < 5; k++, rest = Math.floor(rest / 62)) {
    text = BASE62.charAt(rest % 62) + text
  }
  return text
}

function contactRow(id: string, at: number): string {
  return `${id},"Doe, J${at}",j${at}@example.com,Paris,2024-01-01T00:00:00.000Z`
}

function noteRow(id: string, at: number): string {
  const notes = '"line one\nline ""two"", more\nthree"'
  return `${id},"Doe ""J"" ${at}",j${at}@example.com,${notes},2024-01-01T00:00:00.000Z,a,b,c,,e`
}
