import { readFile } from 'node:fs/promises'
import library from 'node-sf-bulk2'
import { report, task } from './task.js'

const { url, token, csv, nextCsv } = task
const bulk = new library.BulkAPI2({ accessToken: token, instanceUrl: url, apiVersion: '61.0' })
const request = { object: 'Contact', operation: 'delete' }

const { id, contentUrl } = await bulk.createDataUploadJob(request)
const uploaded = await bulk.uploadJobData(contentUrl, await readFile(csv, 'utf8'))
await bulk.closeOrAbortJob(id, 'UploadComplete')
const info = await ended(id)
const both = await bulk.createDataUploadJobWithData(request, await readFile(nextCsv, 'utf8'))
const multipart = await ended(both.id)
const { records } = await bulk.getAllIngestJobInfo({ jobType: 'V2Ingest' })
await bulk.deleteIngestJob(both.id)
report({
  uploaded,
  processed: info.numberRecordsProcessed,
  deleted: await idsOf('successfulResults', 0),
  refused: await idsOf('failedResults', 2),
  unprocessed: (await bulk.getResults(id, 2)).trimEnd().split('\n').length - 1,
  multipart: [both.state, multipart.numberRecordsProcessed],
  listed: records.length,
})

async function ended(job) {
  for (;;) {
    const asked = await bulk.getIngestJobInfo(job)
    if (asked.state === 'JobComplete') return asked
  }
}

async function idsOf(file, column) {
  const kind = ['successfulResults', 'failedResults'].indexOf(file)
  const [, ...lines] = (await bulk.getResults(id, kind)).trimEnd().split('\n')
  return lines.map((line) => line.slice(1, -1).split('","')[column]).sort()
}
