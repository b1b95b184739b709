// With the library: delete what a list behind a URL names. A worker downloads it.
//
//   REDIS_URL=redis://localhost:6379 node examples/url.ts REQUEST_ID URL
//
// The configuration of the worker lists the server, with the headers that it expects:
//
//   sources:
//     origins:
//       https://exports.example.com: { headers: { authorization: "${EXPORTS_AUTHORIZATION}" } }
import { createProducer, ExpungeError } from 'expunge'

const [id, url] = process.argv.slice(2)
if (id === undefined || url === undefined) {
  console.error('usage: node examples/url.ts REQUEST_ID URL')
  process.exit(2)
}
const org = process.env['ORG'] ?? 'default'
const producer = await createProducer({
  redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379',
  onError: (error) => console.error(error.message),
})

try {
  const source = { type: 'http', url } as const
  // A list that is longer than you expect is refused before anything is deleted.
  await producer.submit({ id, org, object: 'Contact', source, maxRecords: 1000, reason: 'example' })
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
