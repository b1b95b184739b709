// Without the library: any program that speaks BullMQ can submit. A worker has to be running.
//
//   REDIS_URL=redis://localhost:6379 node examples/bullmq.ts REQUEST_ID RECORD_ID...
//
// The job ends once the request is accepted or refused. See what becomes of the records with
// `npx expunge status REQUEST_ID`, over HTTP, or give a `callbackUrl`.
import { Queue, QueueEvents } from 'bullmq'

const [id, ...ids] = process.argv.slice(2)
if (id === undefined || ids.length === 0) {
  console.error('usage: node examples/bullmq.ts REQUEST_ID RECORD_ID...')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'

const options = {
  connection: { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
  prefix: `{expunge-${org}}`, // braces and all
}
const queue = new Queue('requests', options)
// All events since the first: by default it misses the end of a job that ends before it listens, and these
// jobs end within milliseconds.
const events = new QueueEvents('requests', { ...options, lastEventId: '0' })
try {
  // Its fields are those of expunge/deletion-request.schema.json. With an id it may be added again: it is
  // not run twice, and other content under the id is refused.
  const request = { id, org, object: 'Contact', source: { type: 'ids', ids }, reason: 'example' }
  const job = await queue.add('deletion-request', request)
  const accepted = await job.waitUntilFinished(events)
  console.log(`${accepted.request}: ${accepted.status}`)
} catch (error) {
  // `CODE: what is wrong`, and the id of its receipt
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await events.close()
  await queue.close()
}
