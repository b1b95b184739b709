/**
 * Submits with one version of BullMQ or Bull, as its users would, and says what came of it: one line
 * of JSON for each check. In a process of its own, because an old version may hang or crash.
 *
 *   node client.js NAME REDIS_URL ORG RECORD_ID...
 */
import { createRequire } from 'node:module'
import { argv, exit, stdout } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { connectionOf, pythonQueue } from './python.js'

const [name = '', url = '', org = '', ...ids] = argv.slice(2)
const prefix = `{expunge-${org}}`
const require = createRequire(import.meta.url)
const library = name === 'python' ? null : require(name)
const isBull = /^bull\d/.test(name)
const WITHIN_MS = 15_000

const connection = connectionOf(url)
const queue = open()

function open() {
  if (library === null) return pythonQueue(require, 'requests', prefix, connection)
  if (isBull) return new library('requests', { redis: connection, prefix })
  return new library.Queue('requests', { connection, prefix })
}
const onError = (error) => console.error(name, error.message)
queue.on?.('error', onError)

let used = 0
const request = (fields = {}) => ({
  ...{ org, object: 'Contact', source: { type: 'ids', ids: [ids[used++], ids[used++]] } },
  ...fields,
})
const own = (id) => `${name}-${id}`
const add = (data, options) => queue.add('deletion-request', data, options)

async function ended(id) {
  for (;;) {
    const job = await queue.getJob(id)
    if (job === null || job === undefined) throw new Error(`job ${id} is not there`)
    if (job.finishedOn) return job
    await delay(20)
  }
}

/** That the job was accepted, under the id it named or a generated one. */
async function accepted(job, id = /^\d{8}-\d{6}-[0-9a-z]{12}$/) {
  const { returnvalue, failedReason } = await ended(job.id)
  const { request: got, status } = returnvalue ?? {}
  const isNamed = typeof id === 'string' ? got === id : id.test(got)
  if (failedReason || !isNamed || status === 'refused') {
    throw new Error(failedReason ?? `returnvalue ${JSON.stringify(returnvalue)}`)
  }
  return got
}

const checks = {
  'job id': async () => {
    const options = { jobId: `r-${own('named')}` }
    await accepted(await add(request(), options), own('named'))
  },
  'no id': async () => accepted(await add(request())),
  bulk: async () => {
    const jobs = [1, 2, 3].map((n) => ({
      ...{ name: 'deletion-request', data: request({ id: own(`bulk-${n}`) }), opts: {} },
    }))
    const added = await queue.addBulk(jobs)
    for (const [n, job] of added.entries()) await accepted(job, own(`bulk-${n + 1}`))
  },
  delay: async () => accepted(await add(request(), { delay: 300 })),
  priority: async () => accepted(await add(request(), { priority: 5 })),
  lifo: async () => accepted(await add(request(), { lifo: true })),
  refused: async () => {
    const job = await ended((await add(request({ id: 'not an id' }), { attempts: 3 })).id)
    // Before version 5 the count has another name in Redis, and reads as 0.
    const { failedReason = '', attemptsMade } = job
    if (!failedReason.startsWith('INVALID_REQUEST: ') || attemptsMade > 1) {
      throw new Error(`failed after ${attemptsMade}: ${failedReason}`)
    }
  },
  events: async () => {
    if (isBull) return (await add(request())).finished()
    if (library?.QueueEvents === undefined) return NONE
    const events = new library.QueueEvents('requests', { connection, prefix, lastEventId: '0' })
    await events.waitUntilReady()
    const job = await add(request())
    const answer = await job.waitUntilFinished(events, WITHIN_MS)
    await events.close()
    if (answer?.status === undefined) throw new Error(`answered ${JSON.stringify(answer)}`)
  },
  flow: async () => {
    if (library?.FlowProducer === undefined) return NONE
    const flows = new library.FlowProducer({ connection, prefix })
    const node = (id) => ({
      name: 'deletion-request',
      queueName: 'requests',
      data: request({ id }),
    })
    const children = [node(own('child'))]
    const { job } = await flows.add({ ...node(own('parent')), children })
    await accepted(job, own('parent'))
    await flows.close()
  },
  scheduler: async () => {
    if (queue.upsertJobScheduler === undefined) return NONE
    const template = { name: 'deletion-request', data: request() }
    await queue.upsertJobScheduler('often', { every: 500, limit: 2 }, template)
    await repeated('completed', 2)
    await queue.removeJobScheduler('often')
  },
  'repeat refused': async () => {
    if (library === null || /^bullmq6/.test(name)) return NONE
    const repeat = { every: 500, limit: 2 }
    await add(request(), { repeat })
    await repeated('failed', 1)
    await queue.removeRepeatable?.('deletion-request', repeat)
  },
}

/** That so many runs have ended so, and none otherwise. */
async function repeated(state, count) {
  const runsOf = async (ended) =>
    (await queue.getJobs([ended])).filter((job) => String(job?.id).startsWith('repeat:'))
  while ((await runsOf(state)).length < count) await delay(100)
  if (state === 'failed') return
  const others = await runsOf('failed')
  if (others.length > 0) throw new Error(others[0].failedReason)
}

const NONE = Symbol('this version has none')

for (const [check, run] of Object.entries(checks)) {
  const late = delay(WITHIN_MS).then(() => {
    throw new Error(`not within ${WITHIN_MS / 1000} s`)
  })
  const result = await Promise.race([run(), late]).then(
    (answer) => (answer === NONE ? 'none' : 'yes'),
    (error) => error.message,
  )
  stdout.write(`${JSON.stringify({ check, result })}\n`)
}
exit(0)
