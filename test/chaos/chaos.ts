import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { crashPoints } from './crash-points.chaos.ts'
import { emptied } from './emptied.chaos.ts'
import type { Chaos } from './helpers/chaos.ts'
import { startChild } from './helpers/child.ts'
import { OwnScope } from './helpers/scope.ts'
import { Tally } from './helpers/tally.ts'
import { random, randomOnCluster, randomOnSentinel } from './random.chaos.ts'
import { recovery } from './recovery.chaos.ts'
import { shutdown } from './shutdown.chaos.ts'

/**
 * Whether the promises hold when everything breaks: `npm run test:chaos`, or some scenarios by
 * name. CHAOS_SEED repeats the random one, CHAOS_MINUTES says how long it goes on (1.5), with
 * CHAOS_VERBOSE it tells of every mishap.
 */

const SCENARIOS: Readonly<Record<string, (chaos: Chaos) => Promise<void>>> = {
  'crash-points': crashPoints,
  shutdown,
  recovery,
  emptied,
  random,
  cluster: randomOnCluster,
  sentinel: randomOnSentinel,
}

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const complaints: string[] = []
const tally = new Tally()
const began = performance.now()
const say = (line: string) => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6)
  process.stdout.write(`${seconds}  ${line}\n`)
}
const detail = (line: string) => {
  if (process.env['CHAOS_VERBOSE'] !== undefined) say(line)
}
const stopped = new AbortController()
const fail = (complaint: string) => {
  // Nothing holds while everything is being ended.
  if (stopped.signal.aborted) return
  complaints.push(complaint)
  say(`FAILED  ${complaint}`)
}

const all = new OwnScope()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`${signal}: ending everything.`)
    stopped.abort()
    void endEverything().finally(() => process.exit(130))
  })
}

/** What was about to be started when the signal came is there a moment later, and ended too. */
async function endEverything(): Promise<void> {
  await all[Symbol.asyncDispose]()
  await delay(500)
  await all[Symbol.asyncDispose]()
}

// Children parse the sources once, not each of them anew. The first writes them down as it ends,
// which takes seconds: it gets no settings, so that it ends before anybody measures.
const cache = await mkdtemp(join(tmpdir(), 'expunge-chaos-'))
all.after(() => rm(cache, { recursive: true, force: true }))
process.env['NODE_COMPILE_CACHE'] = cache
await startChild(all, 'worker-process', {}).ended

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SCENARIOS)) {
  if (stopped.signal.aborted) break
  const scenario = SCENARIOS[name]
  if (scenario === undefined) {
    fail(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(', ')}`)
    continue
  }
  say(`== ${name}`)
  const scope = new OwnScope(all)
  const minutes = Number(process.env['CHAOS_MINUTES'] ?? 1.5)
  try {
    await scenario({ scope, seed, minutes, tally, say, detail, fail, signal: stopped.signal })
  } catch (error) {
    fail(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
  }
  await scope[Symbol.asyncDispose]()
}
if (stopped.signal.aborted) await new Promise(() => {})
await all[Symbol.asyncDispose]()

process.stdout.write('\n| what | how much |\n|---|---|\n')
for (const [what, much] of tally.rows()) process.stdout.write(`| ${what} | ${much} |\n`)
if (complaints.length > 0) {
  process.stdout.write(`\n${complaints.length} failures, seed ${seed}:\n${complaints.join('\n')}\n`)
}
process.exit(complaints.length > 0 ? 1 : 0)
