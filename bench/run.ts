/**
 * Every table of docs/benchmarks.md, measured, with the tools that Expunge is compared with beside it:
 *
 *   npm run bench                        all tables; builds Expunge and installs the other tools first
 *   npm run bench -- peers startup       tables whose name contains one of the words
 *   npm run bench -- plan --size 1000000 --rounds 5
 *   npm run bench -- --quick             small sizes, one round: only to see that all of it still works
 *   npm run bench -- --publish           writes the tables into docs/benchmarks.md and docs/benchmarks.json
 *
 * Everything measured is in bench/last-run.json as well, each round of it. A table that fails says so on
 * the page.
 */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import process, { argv } from 'node:process'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { messageOf } from '../src/shared/base/errors.ts'
import { type Machine, thisMachine } from './machine.ts'
import { markdown, publish, type Reported } from './report.ts'
import { installRivals, run } from './rivals.ts'
import { DIST, ROOT } from './sandbox-process.ts'
import { measureTable, type Table } from './table.ts'
import { backlog } from './tables/backlog.ts'
import { coalesce, urgent } from './tables/coalesce.ts'
import { cycle, scale } from './tables/cycle.ts'
import { latency } from './tables/latency.ts'
import { peers } from './tables/peers.ts'
import { plan } from './tables/plan.ts'
import { results } from './tables/results.ts'
import { sources } from './tables/sources.ts'
import { staging } from './tables/staging.ts'
import { startup } from './tables/startup.ts'
import { submit, submitSafety } from './tables/submit.ts'
import { tracing } from './tables/tracing.ts'
import { upload } from './tables/upload.ts'
import { workers } from './tables/workers.ts'

const TABLES: readonly Table[] = [
  ...peers,
  ...[cycle, plan, sources, upload, results, latency, startup, staging, submit, submitSafety],
  ...[backlog, workers, tracing, coalesce, urgent, scale],
]
const PAGE = join(ROOT, 'docs/benchmarks.md')
const FIGURES = join(ROOT, 'docs/benchmarks.json')
const LAST_RUN = join(ROOT, 'bench/last-run.json')

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
    size: { type: 'string' },
    rounds: { type: 'string' },
  },
})
const chosen = tablesNamed(positionals)
const given = { size: numberOf('--size', values.size), rounds: numberOf('--rounds', values.rounds) }
if (values.quick && values.publish) throw new Error('A quick run measures nothing to publish.')
if (!values.quick) {
  await installRivals()
  await run('npm', ['--prefix', ROOT, 'run', '--silent', 'build'])
} else if (!existsSync(DIST)) throw new Error('Run `npm run build` first.')

const machine = await thisMachine()
const reported: Reported[] = []
for (const table of chosen) {
  const begun = performance.now()
  const one = await measureHere(table, machine).catch((error: unknown) => {
    process.exitCode = 1
    return { name: table.name, title: table.title, day: today(), failed: messageOf(error) }
  })
  reported.push(one)
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(`\n## ${table.name} (${seconds} s)\n\n${markdown(one)}`)
  // After each table: a run that is stopped keeps what it measured.
  if (!values.quick) await writeFile(LAST_RUN, json(reported))
  if (!values.publish) continue
  await publish(PAGE, one)
  await writeFile(FIGURES, json(await merged(reported)))
}

async function measureHere(table: Table, machine: Machine): Promise<Reported> {
  const size = given.size ?? table.size[values.quick ? 'quick' : 'full']
  const rounds = given.rounds ?? (values.quick ? 1 : table.rounds)
  const [before = 0] = loadavg()
  const rows = await measureTable(table, { size, rounds })
  const [after = 0] = loadavg()
  const { name, title, figure } = table
  return { name, title, size, day: today(), load: [before, after], machine, figure, rows }
}

/** UTC, `2026-12-01`. */
function today(): string {
  return new Date().toISOString().slice(0, 10)
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new Error(`Expected a number from 1 for ${option}, got "${text}".`)
}

function tablesNamed(words: readonly string[]): readonly Table[] {
  for (const word of words) {
    if (TABLES.some(({ name }) => name.includes(word))) continue
    const names = TABLES.map(({ name }) => name).join(', ')
    throw new Error(`No table has "${word}" in its name; there are ${names}.`)
  }
  return words.length === 0
    ? TABLES
    : TABLES.filter(({ name }) => words.some((word) => name.includes(word)))
}

/** The published figures with the tables of this run in place of their former ones. */
async function merged(latest: readonly Reported[]): Promise<readonly unknown[]> {
  const text = await readFile(FIGURES, 'utf8').catch(() => '[]')
  const former = z.array(z.looseObject({ name: z.string() })).parse(JSON.parse(text))
  const names = new Set(latest.map(({ name }) => name))
  return [...former.filter(({ name }) => !names.has(name)), ...latest]
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`
}
