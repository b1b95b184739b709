import type { FieldType, FieldValue } from './soql-filter.ts'

/**
 * Fields that tell whether a record is in use, by object. Their values follow from the record's
 * number, so that tests can predict them: every tenth segment and flow is active, and of the active
 * segments every second one is being published. Campaign n has one flow, number n.
 */
const FIELDS: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  MarketSegment: { SegmentStatus: 'string', PublishStatus: 'string' },
  FlowRecord: { ProgressStatus: 'string', ActiveVersionId: 'id', AssociatedRecordId: 'id' },
}

export const activityTypes = (object: string): Readonly<Record<string, FieldType>> =>
  FIELDS[object] ?? {}

const ACTIVE_EVERY = 10
const VERSION_PREFIX = '2aV'
const CAMPAIGN_PREFIX = '701'

/**
 * @param n the record's number
 * @param id its 15 characters
 */
export function activityOf(name: string, n: number, id: string): FieldValue {
  const isActive = n % ACTIVE_EVERY === 0
  switch (name) {
    case 'SegmentStatus':
      return isActive ? 'Active' : 'Inactive'
    case 'PublishStatus':
      if (!isActive) return null
      return n % (2 * ACTIVE_EVERY) === 0 ? 'Publishing' : 'Success'
    case 'ProgressStatus':
      return isActive ? 'InProgress' : 'Draft'
    case 'ActiveVersionId':
      return isActive ? VERSION_PREFIX + id.slice(3) : null
    case 'AssociatedRecordId':
      return CAMPAIGN_PREFIX + id.slice(3)
    default:
      throw new TypeError(`Unknown field ${name}`)
  }
}
