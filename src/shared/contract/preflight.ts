import { z } from 'zod'

/**
 * What an org tells about the records of a plan before anything is deleted: how many of them are in
 * use. Only for objects that have a state; nothing is asked about others.
 */

const count = z.int().min(0)

export const preflightSchema = z.object({
  sampled: count.describe(
    'Records of the plan that the org was asked about: a sample, or all of them with `refuseActive`.',
  ),
  found: count.describe(
    'Records that the org told about; of a Campaign, its flow records. It knows none that are deleted, or that the user may not see.',
  ),
  active: count.describe('Records of the plan that are active.'),
  byField: z
    .record(z.string(), z.record(z.string(), count))
    .describe('The found records by field and value, such as SegmentStatus: { "Active": 3 }.'),
})
/** The state of a plan's records when it was planned. */
export type Preflight = Readonly<z.output<typeof preflightSchema>>

/** Where the org keeps the state of an object's records. */
interface Watch {
  /** The object whose records hold the state, and the field with the id of the planned record. */
  readonly object: string
  readonly id: string
  /** By field: whether a value means that the record is in use. */
  readonly fields: Readonly<Record<string, (value: string) => boolean>>
  /** A WHERE clause that finds active records, for people. */
  readonly where: string
}

const oneOf =
  (...values: readonly string[]) =>
  (value: string) =>
    values.includes(value.toLowerCase())
const allBut =
  (...values: readonly string[]) =>
  (value: string) =>
    !values.includes(value.toLowerCase())

// Object Reference, FlowRecord (API 58.0; ActiveVersionId since 61.0).
const FLOW = {
  object: 'FlowRecord',
  fields: {
    ProgressStatus: allBut('draft', 'completed', 'canceled', 'error'),
    ActiveVersionId: () => true,
  },
  where:
    "ActiveVersionId != null OR ProgressStatus NOT IN ('Draft', 'Completed', 'Canceled', 'Error')",
} satisfies Omit<Watch, 'id'>

/**
 * The objects with a state. Salesforce Help, "Segment Types and Statuses": an inactive segment "can
 * only be deleted", every other status is of an active one. That a Campaign's flows name it in
 * `AssociatedRecordId` follows from that field's description ("the record the flow is associated
 * with"); no source says so for Campaign.
 */
const WATCHES: ReadonlyMap<string, Watch> = new Map([
  [
    'MarketSegment',
    {
      object: 'MarketSegment',
      id: 'Id',
      fields: { SegmentStatus: allBut('inactive'), PublishStatus: oneOf('publishing') },
      where: "SegmentStatus != 'Inactive' OR PublishStatus = 'Publishing'",
    },
  ],
  ['FlowRecord', { ...FLOW, id: 'Id' }],
  ['Campaign', { ...FLOW, id: 'AssociatedRecordId' }],
])

/** Undefined if nothing is known about the state of the object's records. */
export const watchOf = (object: string): Watch | undefined => WATCHES.get(object)
export const WATCHED_OBJECTS: readonly string[] = [...WATCHES.keys()]
