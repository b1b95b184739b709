// jsforce on its best path: the file as a stream, every result read. Plain JavaScript, because the
// repository's type check has to pass where the peers are not installed.
import { createReadStream } from 'node:fs'
import { argv, env } from 'node:process'
import jsforce from 'jsforce'

const connection = new jsforce.Connection({
  instanceUrl: env.INSTANCE_URL,
  accessToken: env.ACCESS_TOKEN,
  version: '61.0',
})
const results = await connection.bulk2.loadAndWaitForResults({
  object: 'Contact',
  operation: 'delete',
  lineEnding: 'LF',
  input: createReadStream(argv[2]),
  pollInterval: 1000,
  pollTimeout: 600_000,
})
const { successfulResults, failedResults, unprocessedRecords } = results
console.log(successfulResults.length + failedResults.length + unprocessedRecords.length)
