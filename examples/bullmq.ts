// Without the library: any program that speaks BullMQ can submit. A worker has to be running.
//
//   REDIS_URL=redis://localhost:6379 node examples/bullmq.ts REQUEST_ID RECORD_ID...
//
// What does not parse ends `refused`, with a receipt; there is nobody here to be told at once. See what
// became of it with `npx expunge status REQUEST_ID`, over HTTP, or give a `callbackUrl`.
import { Queue } from 'bullmq'

const [id, ...ids] = process.argv.slice(2)
if (id === undefined || ids.length === 0) {
  console.error('usage: node examples/bullmq.ts REQUEST_ID RECORD_ID...')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'

const queue = new Queue('requests', {
  connection: { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
  prefix: `{expunge-${org}}`, // braces and all
})
try {
  // Its fields are those of expunge/deletion-request.schema.json.
  const request = { org, object: 'Contact', source: { type: 'ids', ids }, reason: 'example' }
  // The job id names the request, so adding it twice is adding it once.
  await queue.add('deletion-request', request, { jobId: `r-${id}` })
  console.log(`enqueued ${id}`)
} finally {
  await queue.close()
}
