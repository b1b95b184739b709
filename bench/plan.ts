/**
 * How fast a list of ids becomes a plan, part by part, and what memory that takes. Each case runs in
 * a process of its own, so that its peak is its own.
 *
 *   node bench/plan.ts [ids, default 5200000]
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, cpuUsage, execPath, resourceUsage } from 'node:process'
import { pipeline } from 'node:stream/promises'
import { parse } from 'fast-csv'
import { SUFFIX_BYTES } from '../src/shared/contract/record-id.ts'
import { Distinct } from '../src/worker/plan/distinct.ts'
import { scan } from '../src/worker/plan/scan.ts'
import { readFileOnce } from '../src/worker/sources/file.ts'

const CONTACT = { name: 'Contact', prefix: '003' }
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SERVER_BLOCKS = 64
/** The best of so many runs counts: others use the machine too. */
const RUNS = 3

const FILES = {
  sequential: { order: (i: number) => i, row: (id: string) => id },
  shuffled: { order: shuffled, row: (id: string) => id },
  '15 characters': { order: (i: number) => i, row: (id: string) => id.slice(0, 15) },
  '15 characters, shuffled': { order: shuffled, row: (id: string) => id.slice(0, 15) },
  'general CSV': { order: (i: number) => i, row: contactRow },
}
type FileName = keyof typeof FILES

const CASES = {
  // Without the digest that reading a source makes of it.
  read: async (path: string) => {
    for await (const _ of createReadStream(path, { highWaterMark: 512 * 1024 }));
  },
  scan: async (path: string) => {
    for await (const _ of scan(open(path), { object: CONTACT }));
  },
  'scan, distinct': async (path: string) => {
    using distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
    for await (const block of scan(open(path), { object: CONTACT })) distinct.add(block)
  },
  'scan, distinct, digest': async (path: string) => {
    using distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
    for await (const block of scan(open(path), { object: CONTACT })) distinct.add(block)
    await distinct.digest()
  },
  'scan, distinct, case': async (path: string) => {
    using distinct = new Distinct({ maxPlanMemory: 2 ** 29 })
    for await (const block of scan(open(path), { object: CONTACT })) distinct.add(block)
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
  ['shuffled', ['scan, distinct', 'scan, distinct, digest']],
  ['15 characters', ['scan', 'scan, distinct', 'scan, distinct, case']],
  ['15 characters, shuffled', ['scan, distinct', 'scan, distinct, case']],
  ['general CSV', ['fast-csv alone', 'scan']],
]

const [, , first = '5200000', path] = argv
if (path === undefined) await compareAll(Number(first))
else await measure(first as CaseName, path)

async function compareAll(count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  try {
    for (const [file, cases] of PLAN) {
      const path = join(folder, `${file}.csv`)
      await writeIds(path, file, file === 'general CSV' ? Math.ceil(count / 10) : count)
      const mb = (await stat(path)).size / 1e6
      for (const name of cases) {
        const runs = Array.from({ length: RUNS }, () => runAlone(name, path))
        const ms = Math.min(...runs.map((run) => run.ms))
        const cpu = Math.min(...runs.map((run) => run.cpu))
        const rss = Math.max(...runs.map((run) => run.rss))
        const speed = ((mb / ms) * 1000).toFixed(0)
        console.log(
          `${file}, ${mb.toFixed(1)} MB: ${name}: ${ms.toFixed(0)} ms (processor ${cpu}), ${speed} MB/s, peak ${rss} MiB`,
        )
      }
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function runAlone(name: CaseName, path: string): { ms: number; cpu: number; rss: number } {
  return JSON.parse(
    execFileSync(execPath, [import.meta.filename, name, path], { encoding: 'utf8' }),
  )
}

async function measure(name: CaseName, path: string): Promise<void> {
  const start = performance.now()
  await CASES[name](path)
  const ms = performance.now() - start
  const { user, system } = cpuUsage()
  const cpu = Math.round((user + system) / 1000)
  console.log(JSON.stringify({ ms, cpu, rss: Math.round(resourceUsage().maxRSS / 1024) }))
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
  out.write(file === 'general CSV' ? 'Id,Name,Email,City,CreatedDate\n' : 'Id\n')
  for (let from = 0; from < count; from += 10_000) {
    let text = ''
    for (let i = from; i < Math.min(count, from + 10_000); i++) {
      const at = order(i, count)
      const head = heads[Math.floor(at / perBlock)] ?? ''
      text += `${row(withSuffix(head + counter((at % perBlock) + 3844)), at)}\n`
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

function withSuffix(id: string): string {
  let suffix = ''
  for (let block = 0; block < 15; block += 5) {
    let bits = 0
    for (let k = 0; k < 5; k++) if (/[A-Z]/.test(id.charAt(block + k))) bits |= 1 << k
    suffix += String.fromCharCode(SUFFIX_BYTES[bits] ?? 0)
  }
  return id + suffix
}

/** A walk through all numbers below `count` in steps that have no factor in common with it. */
function shuffled(i: number, count: number): number {
  return Number((BigInt(i) * 2_654_435_761n) % BigInt(count))
}

function contactRow(id: string, at: number): string {
  return `${id},"Doe, J${at}",j${at}@example.com,Paris,2024-01-01T00:00:00.000Z`
}
