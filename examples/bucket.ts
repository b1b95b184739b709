// With the library: delete what an export in a bucket names. A worker reads its objects.
//
//   REDIS_URL=redis://localhost:6379 node examples/bucket.ts REQUEST_ID PREFIX COUNT
//
// The configuration of the worker says where the bucket is, and how to sign requests to it:
//
//   sources:
//     buckets:
//       exports: { bucket: acme-exports, region: eu-central-1 }
import { createProducer, ExpungeError } from 'expunge'

const [id, prefix, count] = process.argv.slice(2)
if (id === undefined || prefix === undefined || count === undefined) {
  console.error('usage: node examples/bucket.ts REQUEST_ID PREFIX COUNT')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'
const producer = await createProducer({
  redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379',
  onError: (error) => console.error(error.message),
})

try {
  const source = { type: 's3', bucket: 'exports', prefix } as const
  // An export that is incomplete, or has more than it says, is refused before anything is deleted.
  const request = { id, org, object: 'Contact', source, expectCount: Number(count) }
  await producer.submit({ ...request, reason: 'example' })
  const { status, outcome, error } = await producer.wait(id, { org })
  console.log(`${id}: ${status}, ${outcome?.deleted ?? 0} deleted`)
  if (error !== null) console.error(`${error.code}: ${error.message}`)
  process.exitCode = status === 'completed' ? 0 : 1
} catch (error) {
  if (!(error instanceof ExpungeError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 2
} finally {
  await producer.close()
}
