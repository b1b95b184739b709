// jsforce 1 has no Bulk API 2.0 of its own: its users send the calls through `request`.
import { readFile } from 'node:fs/promises'
import jsforce from 'jsforce-1'
import { report, task } from './task.js'

const { url, token, clientId, clientSecret, refreshToken, csv } = task
const session = { instanceUrl: url, version: '61.0' }
const connection = new jsforce.Connection({ ...session, accessToken: token })
const jobs = '/services/data/v61.0/jobs/ingest'

const identity = await connection.identity()
const { records } = await connection.query('SELECT Id FROM Organization')
const body = await readFile(csv, 'utf8')
const { id } = await connection.requestPost(jobs, { object: 'Contact', operation: 'delete' })
const headers = { 'Content-Type': 'text/csv', 'Content-Length': body.length }
await connection.request({ method: 'PUT', url: `${jobs}/${id}/batches`, headers, body })
await connection.requestPatch(`${jobs}/${id}`, { state: 'UploadComplete' })
let info
do info = await connection.requestGet(`${jobs}/${id}`)
while (info.state !== 'JobComplete')
const deleted = await connection.requestGet(`${jobs}/${id}/successfulResults`)
const refused = await connection.requestGet(`${jobs}/${id}/failedResults`)
const expired = new jsforce.Connection({
  ...session,
  oauth2: { clientId, clientSecret, loginUrl: url },
  refreshToken,
  accessToken: 'expired',
})
const asked = refused.map(({ Id }) => `'${Id}'`)
const found = `SELECT Id FROM Contact WHERE Id IN (${asked.join()})`
report({
  user: identity.username,
  organization: records[0].Id,
  deleted: deleted.map((row) => row.sf__Id).sort(),
  refused: refused.map((row) => row.Id).sort(),
  'refused and still there': (await connection.queryAll(found)).totalSize,
  'session refreshed': (await expired.query('SELECT Id FROM Organization')).totalSize,
})
