import type { Plan, Receipt } from '../../../src/shared/contract/receipt.ts'
import type { StoredRequest } from '../../../src/shared/contract/request.ts'
import type { Identity } from '../../../src/shared/salesforce/client.ts'

export const plan: Plan = {
  read: 1_000_000,
  accepted: 999_000,
  invalid: 2,
  duplicate: 998,
  unchecked: 12,
  chunks: 1,
  sha256: '0'.repeat(64),
}

export const request: StoredRequest = {
  id: 'gdpr-1',
  org: 'default',
  object: 'Contact',
  operation: 'delete',
  source: { type: 'file', path: '/data/ids.csv' },
  priority: 'normal',
  onInvalid: 'skip',
  onUnchecked: 'refuse',
  maxRecords: null,
  maxFailureRatio: null,
  expectCount: null,
  expectSha256: null,
  refuseActive: false,
  dryRun: false,
  deletedFile: false,
  approval: 'required',
  coalesce: false,
  deadline: null,
  reason: null,
  labels: {},
  retryOf: null,
  callbackUrl: null,
}

export const identity: Identity = {
  orgId: '00D5f0000000001EAA',
  instanceUrl: 'https://acme.my.salesforce.com',
  username: 'integration@acme.com',
  isSandbox: false,
  name: 'Acme',
}

export const receipt: Receipt = {
  id: 'gdpr-1',
  org: 'default',
  orgId: identity.orgId,
  object: 'Contact',
  operation: 'delete',
  status: 'incomplete',
  submittedAt: '2026-11-23T22:00:00.000Z',
  finishedAt: '2026-11-23T22:00:08.000Z',
  reason: null,
  plan,
  outcome: { deleted: 997_900, alreadyGone: 100, failed: 1000, unprocessed: 0 },
  failures: { DELETE_FAILED: 900, UNABLE_TO_LOCK_ROW: 100 },
  ingestJobs: [{ id: '7505f0000000001AAA', state: 'JobComplete', records: 999_000, attempt: 1 }],
  files: [],
  submittedBy: null,
  approvedBy: null,
  cancelledBy: null,
  appliesPlanOf: null,
  preflight: null,
  labels: {},
  error: null,
}
