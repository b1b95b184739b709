import type { FaultScript } from '../../../src/sandbox/sandbox.ts'
import type { Config, OrgConfig } from '../../../src/shared/config/config.ts'
import { type Records, recordsOf } from './records.ts'
import type { Stage } from './stage.ts'
import { within } from './wait.ts'

/** Stories in which one process may die at any point: what happens, and who that process is. */
export interface Story {
  readonly name: string
  readonly org: Partial<OrgConfig>
  readonly records: Records
  readonly faults?: readonly FaultScript[]
  readonly keepDeleted?: boolean
  readonly coalesce?: Config['coalesce']
  /** Only these of its effects, where the others are another story's. */
  readonly only?: RegExp
  /** Plays until the one who is to die has died, or has come to the end of its part. */
  play(stage: Stage): Promise<void>
  /** What the caller does next; by now another worker is there. */
  goOn?(stage: Stage): Promise<void>
}

export const REQUEST = 'crash'

/** One chunk after the other, so that the points come in the same order every time. */
export const ONE_AT_A_TIME = { maxJobRecords: 10, maxInFlight: 1, urgentInFlight: 1 }

/** Four chunks: one clean, one that fails in part, one to go again, one with everything. */
export const MIXED = recordsOf({
  ...{ count: 36, from: 1000, duplicate: 2, invalid: 1 },
  ...{ failing: [11, 15, 33], gone: [12, 34], locked: [22, 23, 35], missing: [25] },
})

export function request({ world, records }: Stage) {
  return {
    id: REQUEST,
    org: world.org,
    object: 'Contact',
    source: { type: 'ids' as const, ids: [...records.rows] },
    onInvalid: 'skip' as const,
    coalesce: false,
  }
}

export async function submit(
  stage: Stage,
  fields: { readonly maxFailureRatio?: number; readonly coalesce?: boolean } = {},
): Promise<void> {
  await stage.world.producer.submit({ ...request(stage), ...fields })
}

export function receipt({ world: { producer, org } }: Stage) {
  return within(60_000, 'a receipt', producer.wait(REQUEST, { org }))
}
