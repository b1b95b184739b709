import { z } from 'zod'
import { STATUSES, TERMINAL_STATUSES } from '../../shared/contract/receipt.ts'
import { storedSchema } from '../../shared/contract/request.ts'
import { signedActSchema } from '../../shared/contract/signed-act.ts'
import { STOP_REASONS } from '../../shared/store/ledger/cancel.ts'
import {
  contentSchema,
  outcomeSchema,
  planSchema,
  receiptSchema,
} from '../../shared/store/ledger/record.ts'
import type { RequestView } from '../producer.ts'
import type { Problem } from './problem.ts'
import type { RequestPage } from './routes/list.ts'

/** What the API answers with. The compiler holds it against what is sent, tests against what came. */

const count = z.int().min(0)

export const viewSchema = z.object({
  id: z.string(),
  org: z.string(),
  status: z.enum(STATUSES).describe('The last six of these are terminal.'),
  stopping: z
    .enum(STOP_REASONS)
    .nullable()
    .describe('Why it is to end before its time; null where it is not, and once it is over.'),
  submittedAt: z.iso.datetime(),
  submittedBy: z
    .string()
    .nullable()
    .describe('The name of the key of whoever submitted it; null where it came without one.'),
  approvedBy: signedActSchema.nullable().describe('Who let its parked plan go ahead.'),
  cancelledBy: signedActSchema.nullable().describe('Who cancelled it or turned its plan down.'),
  request: storedSchema.describe('As it was understood: defaults filled in, without the ids.'),
  content: contentSchema
    .nullable()
    .describe('Which bytes its source held: of a file null until it is planned.'),
  plan: planSchema.nullable().describe('What reading the source found; null before that.'),
  progress: z
    .object({
      outcome: outcomeSchema.describe('Verdicts so far.'),
      running: count.describe('Rows that ingest jobs at work have processed, failures included.'),
      chunksOpen: count,
    })
    .nullable()
    .describe('How far it is while it is deleting, else null.'),
  receipt: receiptSchema.nullable().describe('The final account; null until it is over.'),
}) satisfies z.ZodType<RequestView>

export const pageSchema = z.object({
  requests: z.array(viewSchema).readonly(),
  unreadable: z
    .array(z.object({ id: z.string(), problem: z.string() }))
    .readonly()
    .describe('Requests whose record cannot be read; they hide no others.'),
  next: z
    .string()
    .nullable()
    .describe(
      'The cursor of the next page; null on the last. A page may be short, or empty, before.',
    ),
}) satisfies z.ZodType<RequestPage>

export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string().describe('What the status means.'),
  status: z.int(),
  code: z.string().describe('For machines: stable.'),
  detail: z.string().describe('For people: what was expected, what came, what to do next.'),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .readonly()
    .optional()
    .describe('Of a request whose fields are wrong: each of them.'),
  gone: z
    .object({
      status: z.enum(TERMINAL_STATUSES),
      finishedAt: z.iso.datetime(),
      sameContent: z
        .boolean()
        .nullable()
        .describe('Whether it had the content of the request that came now; null: not known.'),
    })
    .optional()
    .describe('Of a request whose record has expired: what is still known.'),
}) satisfies z.ZodType<Problem>
