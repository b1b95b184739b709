import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, type TestContext, test } from 'node:test'
import { runHere } from '../cli/run-here.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Workers as processes of their own, which die and are told to stop. */

const redis = await startRedis({ after })
const FIXTURE = join(import.meta.dirname, '../helpers/worker-process.ts')

describe('a worker process', { concurrency: true }, () => {
  test('the jobs of a worker that is killed go on elsewhere; one that is told to stop hands over', async (t) => {
    const world = await startWorld(t, { redis, org: { maxJobRecords: 10 } })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 4, action: { do: 'hold' } })
    const victim = await startProcess(t, world)
    const id = await submitIds(world, ids18(40))
    await referee.until(({ jobsAtWork }) => jobsAtWork === 4)
    victim.process.kill('SIGKILL')
    await victim.ended

    const second = await startProcess(t, world)
    const queue = (await world.store.queues())['ingest-jobs']
    // It holds what the dead one had, and hands it over in turn.
    await second.logged('A job was taken over from a worker that no longer renews its lock.')
    second.process.kill('SIGTERM')
    const [code] = await second.ended
    assert.equal(code, 0)
    assert.equal(await queue.getActiveCount(), 0)
    faults.clear()

    await world.startWorker()
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 40 }))
    const stats = referee.stats()
    assert.equal(stats.jobs.length, 4)
    assert.deepEqual(stats.violationCounts, {})
    assert.equal(stats.deletedTwice, 0)
  })

  test('it serves metrics and health, and is ready once it works for its orgs', async (t) => {
    const world = await startWorld(t, { redis })
    world.sandbox.faults.add({ on: 'token', times: 1, action: { do: 'answer', status: 503 } })
    const worker = await startProcess(t, world)
    const health = await fetch(new URL('/healthz', worker.url))
    assert.deepEqual([health.status, await health.text()], [200, 'ok\n'])
    assert.equal((await fetch(new URL('/readyz', worker.url))).status, 200)
    const metrics = await (await fetch(new URL('/metrics', worker.url))).text()
    assert.match(metrics, /^expunge_build_info\{version="test"\} 1$/m)
    assert.match(
      metrics,
      /^expunge_salesforce_requests_total\{.*operation="token",status="503"\} 1$/m,
    )
    worker.process.kill('SIGINT')
    assert.deepEqual(await worker.ended, [0, null])
  })

  test('for an org that the configuration does not have, it says which there are', async (t) => {
    const world = await startWorld(t, { redis })
    const env = await environment(world)
    const { code, stderr } = await runHere(['worker', '--org', 'emea', '--org', world.org], { env })
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`--org.*\\(${world.org}\\), got emea\\.`, 's'))
  })

  test('with settings that cannot be, it says which and ends before it has begun', async (t) => {
    const world = await startWorld(t, { redis })
    const env = { ...(await environment(world)), SECRET: '' }
    const { code, stderr } = await runHere(['worker'], { env })
    assert.equal(code, 2)
    assert.match(stderr, /clientSecret/)
  })
})

interface WorkerProcess {
  readonly process: ChildProcess
  readonly ended: Promise<unknown[]>
  /** Where /metrics is. */
  readonly url: string
  /** Resolves once it has said so, ever. */
  logged(message: string): Promise<Record<string, unknown>>
}

/** A worker that has started. */
async function startProcess(t: TestContext, world: World): Promise<WorkerProcess> {
  const child = spawnWorker(t, await environment(world))
  const ended = once(child, 'exit')
  const lines: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  assert.ok(child.stderr)
  createInterface(child.stderr).on('line', (line) => {
    lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line })
    for (const look of waiting) look()
  })
  const logged = async (message: string) => {
    for (;;) {
      const line = lines.find(({ msg }) => msg === message)
      if (line !== undefined) return line
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      const gone = await Promise.race([promise.then(() => false), ended.then(() => true)])
      waiting.delete(resolve)
      if (gone) assert.fail(`the worker ended: ${JSON.stringify(lines)}`)
    }
  }
  await logged('Worker started.')
  const { url } = await logged('Serving /metrics, /healthz and /readyz.')
  return { process: child, ended, url: String(url), logged }
}

function spawnWorker(t: TestContext, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [FIXTURE], {
    // Else each of them compiles all that a worker loads.
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  })
  return child
}

async function environment(world: World): Promise<Record<string, string>> {
  const config = join(world.folder, 'expunge.yaml')
  const { maxJobRecords } = world.config.orgs.get(world.org) ?? {}
  const limit = maxJobRecords ? `maxJobRecords: ${maxJobRecords}` : ''
  await writeFile(
    config,
    `worker: { lockMs: 1000, stalledMs: 1000 }
coalesce: { below: 0 }
metrics: { port: 0 }
${limit}
orgs:
  ${world.org}:
    salesforce:
      loginUrl: ${world.sandbox.url}
      clientId: ${world.sandbox.clientId}
      clientSecret: \${SECRET}
`,
  )
  return {
    EXPUNGE_CONFIG: config,
    EXPUNGE_RESULTS: world.results,
    REDIS_URL: redis.url,
    SECRET: world.sandbox.clientSecret,
  }
}
