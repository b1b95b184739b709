import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { addedUpIn, publishedIn, unknownIn } from '../grafana/contract.ts'
import { prometheusUnavailable, promtool } from '../helpers/prometheus.ts'
import { KUBERNETES, objectsOf, textOf } from './manifests.ts'

const scaledObject = z.object({
  spec: z.object({
    scaleTargetRef: z.object({ name: z.string() }),
    minReplicaCount: z.number(),
    triggers: z.tuple([
      z.object({
        type: z.literal('prometheus'),
        metadata: z.object({
          query: z.string(),
          threshold: z.string(),
          ignoreNullValues: z.string(),
        }),
      }),
    ]),
  }),
})
const [scaled] = await objectsOf(`${KUBERNETES}/components/keda`)
const scaling = scaledObject.parse(scaled).spec
const { query } = scaling.triggers[0].metadata

test('KEDA scales the workers by published metrics, and never to none', () => {
  assert.equal(scaling.scaleTargetRef.name, 'expunge-worker')
  assert.ok(scaling.minReplicaCount >= 1)
  assert.deepEqual(unknownIn(query, []), [])
  assert.deepEqual(addedUpIn(query), [])
  assert.deepEqual([...publishedIn(query)].sort(), [
    'expunge_ingest_jobs_in_flight',
    'expunge_ingest_jobs_in_flight_limit',
    'expunge_queue_jobs',
  ])
})

const skip = await prometheusUnavailable()

test('KEDA hears of requests to plan, and of the ingest jobs that there is room for', {
  skip,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-keda-'))
  t.after(() => rm(folder, { recursive: true }))
  const queue = (name: string, state: string, jobs: number, org = 'default') =>
    ['p1', 'p2'].map((instance) => ({
      series: `expunge_queue_jobs{org="${org}",queue="${name}",state="${state}",instance="${instance}"}`,
      values: `${jobs}`,
    }))
  const lane = (name: string, atWork: number, limit: number, org = 'default') => [
    {
      series: `expunge_ingest_jobs_in_flight{org="${org}",lane="${name}",instance="p1"}`,
      values: `${atWork}`,
    },
    {
      series: `expunge_ingest_jobs_in_flight_limit{org="${org}",lane="${name}",instance="p1"}`,
      values: `${limit}`,
    },
  ]
  const expects = (name: string, value: number, input: readonly object[]) => ({
    name,
    interval: '1m',
    input_series: input,
    promql_expr_test: [{ expr: query, eval_time: '0m', exp_samples: [{ labels: '{}', value }] }],
  })
  const idle = [
    ...queue('requests', 'waiting', 0),
    ...queue('requests', 'active', 0),
    ...queue('ingest-jobs', 'waiting', 0),
    ...queue('ingest-jobs-urgent', 'waiting', 0),
    ...lane('bulk', 0, 10),
    ...lane('urgent', 0, 2),
  ]
  const tests = [
    expects('nothing to do', 0, idle),
    expects('requests wait, delayed ones do not count', 8, [
      ...queue('requests', 'waiting', 5),
      ...queue('requests', 'active', 3),
      ...queue('requests', 'delayed', 90),
      ...queue('ingest-jobs', 'waiting', 0),
      ...lane('bulk', 0, 10),
    ]),
    expects('more ingest jobs wait than the window takes', 4 + 1, [
      ...queue('requests', 'waiting', 0),
      ...queue('ingest-jobs', 'waiting', 500),
      ...queue('ingest-jobs-urgent', 'waiting', 1),
      ...lane('bulk', 6, 10),
      ...lane('urgent', 0, 2),
    ]),
    expects('the window is full, and even past a limit just lowered', 0, [
      ...queue('requests', 'waiting', 0),
      ...queue('ingest-jobs', 'waiting', 500),
      ...lane('bulk', 10, 3),
    ]),
    expects('two orgs, each with a window of its own', 3 + 2, [
      ...queue('requests', 'waiting', 0),
      ...queue('ingest-jobs', 'waiting', 3),
      ...lane('bulk', 0, 10),
      ...queue('ingest-jobs', 'waiting', 9, 'emea'),
      ...lane('bulk', 0, 2, 'emea'),
    ]),
  ]
  const file = join(folder, 'keda.test.yml')
  await writeFile(file, JSON.stringify({ tests }))
  assert.match(await promtool('test', 'rules', file), /SUCCESS/)
})

test('KEDA alone says how many workers there are', async () => {
  const component = await textOf(`${KUBERNETES}/components/keda/kustomization.yaml`)
  assert.match(component, /op: remove\n\s+path: \/spec\/replicas/)
})
