import type { Client, Facts, Task } from './client.ts'
import { program } from './library.ts'
import { sfCli } from './sf.ts'

/** What every client tells of its delete. */
const outcome = ({ deleted, refused }: Task): Facts => ({ deleted, refused })
const org = ({ sandbox }: Task): Facts => ({ organization: sandbox.orgId })
const user = ({ username }: Task): Facts => ({ user: username })

/** jsforce streams uploads, and says no length. */
const STREAMS = ['NO_CONTENT_LENGTH'] as const

function jsforce(name: string, packageName: string): Client {
  return {
    name,
    package: packageName,
    attempt: program('jsforce', packageName),
    expected: (task) => ({
      ...{ ...user(task), ...org(task), ...outcome(task) },
      unprocessed: 0,
      'allowance of requests': 100_000,
      'taken up again by id': ['JobComplete', task.next],
      'aborted job': 'Aborted',
      'bulk query': task.leads,
      'session refreshed': 1,
      'login by password':
        'INVALID_OPERATION: SOAP API login() is disabled by default in this org.',
    }),
    permits: STREAMS,
  }
}

export const CLIENTS: readonly Client[] = [
  jsforce('jsforce', 'jsforce'),
  jsforce('jsforce 2', 'jsforce-2'),
  jsforce("Salesforce's fork of jsforce", '@jsforce/jsforce-node'),
  {
    name: 'jsforce 1, by its generic requests',
    package: 'jsforce-1',
    attempt: program('jsforce-1'),
    expected: (task) => ({
      ...{ ...user(task), ...org(task), ...outcome(task) },
      'refused and still there': task.refused.length,
      'session refreshed': 1,
    }),
  },
  sfCli,
  {
    name: 'the library under the sf CLI',
    package: '@salesforce/core',
    attempt: program('core'),
    expected: (task) => ({
      ...{ ...user(task), ...org(task), ...outcome(task) },
      'newest version': '68.0',
      instance: 'LOCAL',
      'login renewed': 1,
    }),
    permits: STREAMS,
  },
  {
    name: "Salesforce's SDK for Node.js (AppLink)",
    package: '@heroku/applink',
    attempt: program('applink'),
    expected: (task) => ({ ...org(task), ...outcome(task), unprocessed: 0 }),
    permits: [...STREAMS, 'UNKNOWN_FIELD'],
  },
  {
    name: 'node-sf-bulk2',
    package: 'node-sf-bulk2',
    attempt: program('node-sf-bulk2'),
    expected: (task) => ({
      ...outcome(task),
      uploaded: 201,
      processed: task.deleted.length + task.refused.length,
      unprocessed: 0,
      multipart: ['UploadComplete', task.next],
      listed: 2,
    }),
  },
]
