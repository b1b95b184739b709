// Salesforce's SDK for Node.js (Heroku AppLink), by the class that it hands to apps.
import { OrgImpl } from '@heroku/applink/dist/sdk/org.js'
import { report, task } from './task.js'

const { url, token, orgId, username, deleted, refused } = task
const org = new OrgImpl(token, 'v61.0', null, orgId, url, '0055f0000000001AAA', username)
const { records } = await org.dataApi.query('SELECT Id FROM Organization')
const table = org.bulkApi.createDataTableBuilder(['Id'])
for (const id of [...deleted, ...refused]) table.addRow([id])
const [job] = await org.bulkApi.ingest({
  object: 'Contact',
  operation: 'delete',
  dataTable: table.build(),
})
if (job.error) throw job.error
let info
do info = await org.bulkApi.getInfo(job)
while (info.state !== 'JobComplete')
const ok = await org.bulkApi.getSuccessfulResults(job)
const failed = await org.bulkApi.getFailedResults(job)
const rest = await org.bulkApi.getUnprocessedRecords(job)
report({
  organization: records[0].fields.id ?? records[0].fields.Id,
  deleted: ok.map((row) => row.get('sf__Id')).sort(),
  refused: failed.map((row) => row.get('Id')).sort(),
  unprocessed: rest.length,
})
