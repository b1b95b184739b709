import { z } from 'zod'
import { preflightSchema } from '../../../shared/contract/preflight.ts'
import {
  outcomeSchema,
  planSchema,
  receiptSchema,
  signedActSchema,
} from '../../../shared/contract/receipt.ts'
import { storedSchema } from '../../../shared/contract/request.ts'
import { STATUSES } from '../../../shared/contract/status.ts'
import { STOP_REASONS } from '../../../shared/store/ledger/decisions.ts'
import { contentSchema } from '../../../shared/store/ledger/record.ts'
import { waitingSchema } from '../../../shared/store/waiting.ts'
import type { RequestView } from '../../producer.ts'
import { COMPONENTS } from './parts.ts'

/**
 * A request in the API's answers. The compiler checks it against the type that is sent, and tests
 * check it against actual answers.
 */

receiptSchema.register(COMPONENTS, { id: 'Receipt' })
planSchema.register(COMPONENTS, { id: 'Plan' })
outcomeSchema.register(COMPONENTS, { id: 'Outcome' })
storedSchema.register(COMPONENTS, { id: 'StoredRequest' })
waitingSchema.register(COMPONENTS, { id: 'Waiting' })

const count = z.int().min(0)

export const viewSchema = z
  .object({
    id: z.string(),
    org: z.string(),
    status: z.enum(STATUSES).describe('The last six of these are terminal.'),
    stopping: z
      .enum(STOP_REASONS)
      .nullable()
      .describe('Why it is to end before its time; null where it is not, and once it is over.'),
    waiting: z
      .array(waitingSchema)
      .readonly()
      .describe(
        'What holds it, what has to end first first; empty where it moves. Later versions may add reasons.',
      ),
    submittedAt: z.iso.datetime(),
    submittedBy: z
      .string()
      .nullable()
      .describe(
        'The name of the key that submitted it, `user@host` of the command line, or `bullmq:` and the job id; null if unknown.',
      ),
    approvedBy: signedActSchema.nullable().describe('Who let its parked plan go ahead.'),
    cancelledBy: signedActSchema.nullable().describe('Who cancelled it or turned its plan down.'),
    prioritizedBy: signedActSchema.nullable().describe('Who changed its priority last.'),
    request: storedSchema.describe('As it was understood: defaults filled in, without the ids.'),
    content: contentSchema
      .nullable()
      .describe('Which bytes its source held: of a file null until it is planned.'),
    plan: planSchema.nullable().describe('What reading the source found; null before that.'),
    objectRecords: count
      .nullable()
      .describe(
        'About how many records of the object the org had when it was planned, for plans that need an approval; null if unknown.',
      ),
    preflight: preflightSchema
      .nullable()
      .describe(
        'Whether its records were in use when it was planned; null where the org was not asked, or did not tell.',
      ),
    cost: z
      .object({
        batches: count.describe('One for each 10,000 rows of an ingest job, or part of them.'),
        left: count.nullable().describe('Batches left of the last 24 hours; null if unknown.'),
        free: count
          .nullable()
          .describe('How many of them its priority may use now, without the reserve.'),
        days: count
          .nullable()
          .describe('Days that its batches take at least, 0 for today; null if that is not known.'),
      })
      .nullable()
      .describe(
        "What its plan takes of the org's daily batches, while it waits for approval or is the plan of a dry run; else null.",
      ),
    keptPlan: z
      .object({ until: z.iso.datetime(), appliedAs: z.string().nullable() })
      .nullable()
      .describe(
        'Of a dry run: until when approving it applies its plan, and the id of the request that applied it; else null.',
      ),
    appliesPlanOf: z
      .string()
      .nullable()
      .describe('Id of the dry run whose plan it applies; null if it reads its source.'),
    progress: z
      .object({
        outcome: outcomeSchema.describe('Verdicts so far.'),
        running: count.describe('Rows that ingest jobs at work have processed, failures included.'),
        chunksOpen: count,
        retries: z
          .array(
            z.object({
              attempt: z.int().min(1),
              records: count,
              reason: z.string().describe('A row code, or why a whole ingest job is repeated.'),
              at: z.iso.datetime().describe('When the latest of them are sent.'),
            }),
          )
          .readonly()
          .describe('Rows that are sent again after a transient error, by attempt.'),
        expectedEnd: z.iso
          .datetime()
          .nullable()
          .describe(
            'When it ends at the average rate so far; null if there is none yet, something holds it (`waiting`) or it is to end early.',
          ),
      })
      .nullable()
      .describe('How far it is while it is deleting, else null.'),
    receipt: receiptSchema.nullable().describe('The final account; null until it is over.'),
  })
  .register(COMPONENTS, { id: 'Request' }) satisfies z.ZodType<RequestView>

/** Examples; tests validate each against its schema. */

const request: RequestView['request'] = {
  id: 'gdpr-2026-000123',
  org: 'default',
  object: 'Contact',
  operation: 'delete',
  source: { type: 'ids' },
  priority: 'normal',
  onInvalid: 'refuse',
  onUnchecked: 'refuse',
  maxRecords: null,
  maxFailureRatio: 0.5,
  expectCount: null,
  expectSha256: null,
  refuseActive: false,
  dryRun: false,
  deletedFile: false,
  approval: 'auto',
  coalesce: true,
  deadline: null,
  reason: 'Art. 17 request 123',
  labels: { ticket: '4711' },
  retryOf: null,
  callbackUrl: null,
}

export const acceptedExample: RequestView = {
  id: request.id,
  org: request.org,
  status: 'queued',
  stopping: null,
  waiting: [],
  submittedAt: '2026-11-23T09:15:00.000Z',
  submittedBy: 'crm',
  approvedBy: null,
  cancelledBy: null,
  prioritizedBy: null,
  objectRecords: null,
  preflight: null,
  cost: null,
  keptPlan: null,
  appliesPlanOf: null,
  request,
  content: {
    bytes: 41,
    sha256: '2b1ce6a4a3e7e9b1b27d9c8a1c1f5a0e6f3d4c5b6a79808f9e8d7c6b5a493827',
  },
  plan: null,
  progress: null,
  receipt: null,
}

const plan: RequestView['plan'] = {
  read: 2,
  accepted: 2,
  invalid: 0,
  duplicate: 0,
  unchecked: 0,
  chunks: 1,
  sha256: '7d1a54127b222502f5b79b5fb0803061152a44f92b37e23c6527baf665d4da9a',
}

export const completedExample: RequestView = {
  ...acceptedExample,
  status: 'completed',
  plan,
  receipt: {
    id: request.id,
    org: request.org,
    orgId: '00D5g000004MjfQEAS',
    object: request.object,
    operation: request.operation,
    status: 'completed',
    submittedAt: acceptedExample.submittedAt,
    finishedAt: '2026-11-23T09:15:42.000Z',
    reason: request.reason,
    plan,
    outcome: { deleted: 2, alreadyGone: 0, failed: 0, unprocessed: 0 },
    failures: {},
    ingestJobs: [{ id: '7505g00000ExPunAAF', state: 'JobComplete', records: 2, attempt: 1 }],
    files: [],
    submittedBy: 'crm',
    approvedBy: null,
    cancelledBy: null,
    appliesPlanOf: null,
    preflight: null,
    labels: request.labels,
    error: null,
  },
}
