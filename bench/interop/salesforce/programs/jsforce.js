// jsforce 2 and 3, and Salesforce's fork of it: identity, queries, a delete with its results, a job
// taken up again by its id, an abort, a query job, a refreshed session.
import { createReadStream } from 'node:fs'
import { packageName, report, task } from './task.js'

const library = await import(packageName)
const { Connection } = library.default ?? library
const { url, token, clientId, clientSecret, refreshToken, csv, nextCsv, queryOfLeads } = task
const session = { instanceUrl: url, version: '61.0' }
const polling = { pollInterval: 100, pollTimeout: 60_000 }
const job = { object: 'Contact', operation: 'delete', lineEnding: 'LF' }

const connection = new Connection({ ...session, accessToken: token })
const bulk = Object.assign(connection.bulk2, polling)

const identity = await connection.identity()
const { records } = await connection.query('SELECT Id FROM Organization')
const limits = await connection.limits()
const results = await bulk.loadAndWaitForResults({
  ...job,
  ...polling,
  input: createReadStream(csv),
})
report({
  user: identity.username,
  organization: records[0].Id,
  'allowance of requests': limits.DailyApiRequests.Max,
  deleted: results.successfulResults.map((row) => row.sf__Id).sort(),
  refused: results.failedResults.map((row) => row.Id).sort(),
  unprocessed: results.unprocessedRecords.length,
  'taken up again by id': await takenUpAgain(),
  'aborted job': await abortedJob(),
  'bulk query': await bulkQuery(),
  'session refreshed': await refreshed(),
  'login by password': await loginByPassword(),
})

async function takenUpAgain() {
  const first = await open()
  await first.uploadData(createReadStream(nextCsv))
  await first.close()
  const again = jobOf(first.id)
  await again.poll(100, 60_000)
  const { state, numberRecordsProcessed } = await again.check()
  await again.delete()
  return [state, numberRecordsProcessed]
}

async function abortedJob() {
  const first = await open()
  await first.abort()
  return (await jobOf(first.id).check()).state
}

async function bulkQuery() {
  const found = await bulk.query(queryOfLeads, polling)
  // Version 2 gives a list, later ones a stream.
  const records = Array.isArray(found) ? found : await found.toArray()
  return records.map(({ Id }) => Id)
}

async function open() {
  const created = bulk.createJob(job)
  await created.open()
  return created
}

function jobOf(id) {
  return packageName === 'jsforce-2' ? bulk.job({ id }) : bulk.job('ingest', { id })
}

async function refreshed() {
  const oauth2 = { clientId, clientSecret, loginUrl: url }
  const expired = new Connection({ ...session, oauth2, refreshToken, accessToken: 'expired' })
  return (await expired.query('SELECT Id FROM Organization')).totalSize
}

async function loginByPassword() {
  const asked = new Connection({ loginUrl: url }).login('user@example.com', 'password')
  return asked.then(
    () => 'let in',
    (error) => error.message,
  )
}
