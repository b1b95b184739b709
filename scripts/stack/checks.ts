import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Stack } from './compose.ts'
import { type Api, assertAccounted } from './deletions.ts'
import { eventually } from './run.ts'

/** What has to hold of the running stack. Each check throws where it does not, and says what it saw. */

const OURS = ['producer', 'worker', 'sandbox']
/** Of the promise: from SIGTERM to the exit. */
const HAND_OVER_SECONDS = 10

const TRY_TO_WRITE = `
  const { writeFileSync } = require('node:fs')
  try { writeFileSync('/app/probe', ''); console.log('written') } catch ({ code }) { console.log(code) }
`

/** Not root, nothing writable but what is meant to be, no capability, a limit to memory. */
export async function checkConfinement(stack: Stack): Promise<string> {
  const ours = (await stack.containers()).filter(({ service }) => OURS.includes(service))
  assert.equal(ours.length, 5)
  for (const one of ours) {
    assert.equal(one.user, '1000:1000', one.name)
    assert.ok(one.isReadOnly, one.name)
    assert.deepEqual(one.droppedCapabilities, ['ALL'], one.name)
    assert.ok(one.memoryLimit > 0, one.name)
    assert.equal(await stack.docker('exec', one.name, 'id', '-u'), '1000')
    assert.equal(await stack.docker('exec', one.name, 'node', '-e', TRY_TO_WRITE), 'EROFS')
  }
  return `${ours.length} containers run as user 1000, cannot write to /app (EROFS), have no capability`
}

const ASK_READINESS =
  "fetch('http://127.0.0.1:9464/readyz').then((answer) => answer.text()).then(console.log)"

const REDIS_CLI = 'REDISCLI_AUTH="$(sed -n "s/^requirepass //p" /tmp/redis.conf)" redis-cli'

/** Prometheus reaches the metrics, and neither it nor anything else of its networks Redis. */
export async function checkNetworks(stack: Stack): Promise<string> {
  const [redis] = await stack.containers('redis')
  const [address = ''] = redis?.addresses ?? []
  const [prometheus] = await stack.containers('prometheus')
  assert.ok(prometheus)
  const connect = (target: string) =>
    stack
      .docker('exec', prometheus.name, 'timeout', '3', 'bash', '-c', `: < /dev/tcp/${target}`)
      .then(
        () => true,
        () => false,
      )
  assert.equal(await connect('worker/9464'), true)
  assert.equal(await connect('redis/6379'), false)
  assert.equal(await connect(`${address}/6379`), false)
  return 'Prometheus reaches the workers, and cannot reach Redis'
}

/** The ways in that docs/operations.md tells whoever is woken at night. */
export async function checkWaysIn({ compose }: Stack): Promise<string> {
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  assert.ok(page.includes(`docker compose exec worker node -e "${ASK_READINESS}"`))
  assert.equal(await compose('exec', '-T', 'worker', 'node', '-e', ASK_READINESS), 'ready')
  assert.ok(page.includes(`docker compose exec redis sh -c '${REDIS_CLI} …'`))
  assert.equal(await compose('exec', '-T', 'redis', 'sh', '-c', `${REDIS_CLI} PING`), 'PONG')
  assert.match(await compose('exec', '-T', 'redis', 'redis-cli', 'PING'), /NOAUTH/)
  const findings = await compose('run', '--rm', '-T', 'cli', 'doctor')
  assert.match(findings, /Results +\/results$/m)
  return 'The ways in of the runbooks lead in: readiness, redis-cli, doctor'
}

/** A request through the API, in several ingest jobs, to joined result files. */
export async function checkDeletion(api: Api, stack: Stack, records: number): Promise<string> {
  await api.submit('first', records)
  const receipt = await api.receipt('first', 120)
  assertAccounted(receipt, records)
  assert.ok(receipt.plan.chunks > 3)
  assert.ok(receipt.outcome.failed > 0)
  const failed = await api.rows('first', 'failed.csv')
  assert.equal(failed.length, receipt.outcome.failed)
  await stack.compose('run', '--rm', '-T', 'cli', 'status', 'first')
  const [producer] = await stack.containers('producer')
  assert.ok(producer)
  const folder = await stack.docker('exec', producer.name, 'ls', '/results/default/first')
  const files = folder.split('\n').toSorted()
  assert.deepEqual(files, ['failed.csv', 'receipt.json'])
  return (
    `${records} ids in ${receipt.plan.chunks} chunks: ${JSON.stringify(receipt.outcome)}; ` +
    `${files.join(', ')} on the shared volume, failed.csv with ${failed.length} rows`
  )
}

const samplesSchema = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.string()]),
      }),
    ),
  }),
})

async function samples(prometheus: string, query: string) {
  const url = `${prometheus}/api/v1/query?${new URLSearchParams({ query })}`
  const { data } = samplesSchema.parse(await (await fetch(url)).json())
  return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
}

/** Prometheus sees every process, and counts what the receipt says; which worker did what. */
export async function checkPrometheus(
  prometheus: string,
  stack: Stack,
  records: number,
): Promise<string> {
  const names = new Map<string, string>(
    (await stack.containers()).flatMap(({ addresses, name }) =>
      addresses.map((address) => [`${address}:9464`, name] as const),
    ),
  )
  const up = await eventually('four targets are up', 60, async () => {
    const targets = await samples(prometheus, 'up == 1')
    return targets.length === 4 ? targets : null
  })
  await eventually('every id is counted', 60, async () => {
    const [sum] = await samples(prometheus, 'sum(expunge_records_total)')
    return sum?.value === records ? sum : null
  })
  const jobs = await samples(prometheus, 'sum by (instance) (expunge_ingest_jobs_total)')
  const shares = jobs.map(({ metric, value }) => `${names.get(metric['instance'] ?? '')}: ${value}`)
  assert.ok(jobs.filter(({ value }) => value > 0).length > 1, `One worker did all: ${shares}`)
  const known = await samples(prometheus, 'max(expunge_workers)')
  assert.equal(known[0]?.value, 3)
  const rules = await (await fetch(`${prometheus}/api/v1/rules`)).text()
  const loaded = rules.match(/"health":"ok"/g)?.length ?? 0
  assert.ok(loaded > 0 && !rules.includes('"health":"err"'), rules)
  const scaling = await samples(prometheus, await scalingQuery())
  assert.equal(scaling.length, 1)
  return `${up.length} targets up, ${loaded} rules healthy; ingest jobs by worker: ${shares.toSorted().join(', ')}`
}

/** What KEDA asks: it has an answer wherever a producer tells of the queues. */
async function scalingQuery(): Promise<string> {
  const file = new URL(
    '../../deploy/kubernetes/components/keda/scaled-object.yaml',
    import.meta.url,
  )
  const { spec } = scaledObject.parse(parse(await readFile(file, 'utf8')))
  return spec.triggers[0].metadata.query
}

const scaledObject = z.object({
  spec: z.object({
    triggers: z.tuple([z.object({ metadata: z.object({ query: z.string() }) })]),
  }),
})

/** SIGTERM to a worker in the middle of its work: it exits in time, and others go on. */
export async function checkHandOver(api: Api, stack: Stack, records: number): Promise<string> {
  const since = new Date().toISOString()
  await api.submit('second', records)
  const busy = await eventually('a worker has a job in Salesforce', 60, async () => {
    for (const worker of await stack.containers('worker')) {
      const said = await stack.logs(worker.name, since)
      if (said.includes('Ingest job created.')) return worker
    }
    return null
  })
  const begun = performance.now()
  await stack.docker('stop', busy.name)
  const seconds = (performance.now() - begun) / 1000
  const stopped = (await stack.containers('worker')).find(({ name }) => name === busy.name)
  assert.equal(stopped?.exitCode, 0)
  assert.ok(seconds < HAND_OVER_SECONDS, `${seconds} s`)
  const said = await stack.logs(busy.name, since)
  const [, active = '0'] = /"active":(\d+),"msg":"Handing over the current jobs\."/.exec(said) ?? []
  assert.ok(Number(active) > 0, `${busy.name} had nothing in hand`)
  assertAccounted(await api.receipt('second', 180), records)
  return (
    `${busy.name} stopped with ${active} jobs in hand: exit 0 after ${seconds.toFixed(1)} s; ` +
    `the others accounted for all ${records} ids`
  )
}
