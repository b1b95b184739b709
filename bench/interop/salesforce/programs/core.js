// Salesforce's library under its CLI: a JWT login of its own, the org, a delete, the login renewed.
import { createReadStream } from 'node:fs'
import { AuthInfo, Connection, Org } from '@salesforce/core'
import { report, task } from './task.js'

const { url, clientId, keyFile, username, csv } = task
const oauth2Options = { clientId, privateKeyFile: keyFile, loginUrl: url }
const authInfo = await AuthInfo.create({ username, oauth2Options })
const connection = await Connection.create({ authInfo })
const org = await Org.create({ connection })
const polling = { pollInterval: 100, pollTimeout: 60_000 }
const { successfulResults, failedResults } = await connection.bulk2.loadAndWaitForResults({
  ...{ object: 'Contact', operation: 'delete', lineEnding: 'LF' },
  ...polling,
  input: createReadStream(csv),
})
await org.refreshAuth()
const version = await connection.retrieveMaxApiVersion()
const { InstanceName } = await org.retrieveOrganizationInformation()
await fetch(`${url}/__sandbox/expire-tokens`, { method: 'POST' })
report({
  user: authInfo.getUsername(),
  organization: org.getOrgId(),
  'newest version': version,
  instance: InstanceName,
  deleted: successfulResults.map((row) => row.sf__Id).sort(),
  refused: failedResults.map((row) => row.Id).sort(),
  'login renewed': (await connection.query('SELECT Id FROM Organization')).totalSize,
})
