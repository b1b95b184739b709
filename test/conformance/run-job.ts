import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { NO_OUTCOME } from '../../src/shared/contract/receipt.ts'
import type { ResultsStore } from '../../src/shared/results/results-store.ts'
import { matchedIngest } from '../../src/shared/salesforce/matched-ingest.ts'
import type { ChunkRef, IngestOrder } from '../../src/shared/store/ledger/chunk.ts'
import { createMetrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import type { CollectedChunk } from '../../src/worker/ingest/collector.ts'
import { runIngestJob } from '../../src/worker/ingest/lifecycle.ts'
import { Peers } from '../../src/worker/ingest/peers.ts'
import type { LifecycleDeps } from '../../src/worker/ingest/step.ts'
import { id15 } from '../helpers/ids.ts'
import { memoryStaging } from '../helpers/memory-staging.ts'
import { type Player, play, type Scope } from './client.ts'
import type { JobResult, JobScenario } from './scenario.ts'

/** Ids that a scenario's ingest job carries, unless it says otherwise. */
const IDS = 3

let requests = 0

/** Drives the ingest job of a scenario to its end with the worker's life cycle, and compares. */
export async function runJob(
  scope: Scope,
  scenario: JobScenario,
  results: ResultsStore,
): Promise<void> {
  const player = await play(scope, scenario)
  const { replay, clock } = player
  const { order, deps, faults } = stage(scenario, player, results)
  const { from: checkpoint = { step: 'create' } } = scenario
  const ctx = { log: pino({ level: 'silent' }), clock, signal: replay.departed }
  const collected = await runIngestJob(order, { checkpoint, resumed: false }, deps, ctx)
  replay.departed.throwIfAborted()
  assert.deepEqual(replay.left, [])
  assert.deepEqual(resultOf(collected, faults), { ...NOTHING, ...filled(scenario.gives) })
  if (scenario.logins !== undefined) assert.equal(replay.logins, scenario.logins)
}

const NOTHING: JobResult = {
  ...{ outcome: NO_OUTCOME, failures: {}, again: 0, state: 'JobComplete', error: null },
  faults: [],
}

function filled(gives: JobResult): JobResult {
  return { ...gives, outcome: { ...NO_OUTCOME, ...gives.outcome } }
}

/** What a request's receipt and its next ingest jobs would say of the one chunk. */
function resultOf(collected: readonly CollectedChunk[], faults: readonly string[]) {
  const [{ outcome, again = [] } = assert.fail('no chunk')] = collected
  return {
    outcome: outcome.outcome,
    failures: outcome.failures,
    again: again.flatMap(({ chunks }) => chunks).reduce((sum, { count }) => sum + count, 0),
    state: outcome.job?.state ?? null,
    error: outcome.error?.code ?? null,
    faults,
  }
}

/** One chunk, staged in memory, and a life cycle around it that only the org is missing from. */
function stage(
  { ids = IDS, operation = 'delete' }: JobScenario,
  { salesforce, clock }: Player,
  results: ResultsStore,
) {
  const { staging, put } = memoryStaging()
  const text = Array.from({ length: ids }, (_, n) => id15(n)).join('')
  const sha256 = createHash('sha256').update(text).digest('hex')
  const chunk: ChunkRef = {
    ...{ request: `conformance-${process.pid}-${++requests}`, lot: 'p', chunk: 0, attempt: 1 },
    ...{ count: ids, sha256 },
  }
  put(chunk, 0, text)
  const order: IngestOrder = {
    ...{ order: `${chunk.request}.0.1`, object: 'Contact', operation, priority: 'normal' },
    chunks: [chunk],
  }
  const api = matchedIngest(salesforce.ingest, order)
  const faults: string[] = []
  const deps: LifecycleDeps = {
    governor: { scarcity: 0 },
    peers: new Peers(),
    ...{
      api,
      staging,
      retake: async () => order,
      leave: async () => {},
      save: async () => {},
      saveProgress: async () => false,
    },
    collector: {
      ...{ org: 'conformance', api, staging, results, keepDeleted: new Set<string>(), resendMs: 1 },
      ledger: { numberChunks: async () => 1, stopReasons: async (all) => all.map(() => null) },
    },
    visit: {
      ...{ flagged: new Set(), keep: () => {} },
      ...{ enter: async () => null, answered: async () => {}, release: async () => {} },
      ...{
        foundQuota: async () => {},
        nap: (ms: number) => clock.sleep(ms),
        isProbing: false,
        stopped: new AbortController().signal,
      },
      failed: async ({ reason }, atOnce) => {
        faults.push(atOnce ? `${reason}!` : reason)
        return false
      },
      nap: (ms) => clock.sleep(ms),
      missedQuota: async () => void faults.push('quota!'),
    },
    metrics: createMetrics({ version: 'conformance' }),
    labels: { org: 'conformance', object: order.object },
  }
  return { order, deps, faults }
}
