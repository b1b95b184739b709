import { LaterError } from '../../shared/base/context.ts'
import { RefusedError } from '../../shared/base/errors.ts'
import { type Preflight, WATCHED_OBJECTS, watchOf } from '../../shared/contract/preflight.ts'
import { ID_LENGTH, to18 } from '../../shared/contract/record-id.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { MOST_IDS } from '../../shared/salesforce/record-fields.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'

/** Asks the org for the state of a plan's records, before anything is deleted. */

/** Records of a plan that are looked at if the request does not refuse active ones. */
export const SAMPLED = 200

type Asked = Pick<StoredRequest, 'object' | 'refuseActive'>
type Org = Pick<Salesforce, 'recordFields'> | null

/**
 * The state of some records of a plan; null if the object has none, or the org does not tell: then
 * nothing depends on it.
 */
export async function lookAtSample(
  object: string,
  sample: readonly Uint8Array[],
  org: Org,
  signal: AbortSignal,
): Promise<Preflight | null> {
  const tally = tallyOf(object)
  if (tally === null || org === null || sample.length === 0) return null
  try {
    await tally.add(sample.map(textOf), org, signal)
    return tally.preflight()
  } catch {
    return null
  }
}

/**
 * The state of all records of a plan that refuses active ones, at one call for {@link MOST_IDS}.
 *
 * @throws RefusedError `ACTIVITY_UNKNOWN` if the org does not tell the state of its records
 * @throws LaterError if it cannot be asked now
 */
export async function lookAtAll(
  object: string,
  chunks: readonly ChunkRef[],
  staging: Staging,
  org: Org,
  signal: AbortSignal,
): Promise<Preflight> {
  const tally = tallyOf(object)
  if (tally === null) throw unknownActivity(object, 'Its records have no state that is known.')
  if (org === null) throw unknownActivity(object, 'There is no login to the org.')
  try {
    for await (const ids of batches(chunks, staging)) await tally.add(ids, org, signal)
    return tally.preflight()
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error
    if (error.retryable) {
      throw new LaterError(
        `The state of the plan's records cannot be read now: ${error.message}`,
        error.retryAfterMs ?? 0,
      )
    }
    throw unknownActivity(object, error.message)
  }
}

/** Why a plan is refused for the state of its records; null if it is not. */
export function activeRefusal(
  { object, refuseActive }: Asked,
  { active, sampled, byField }: Preflight,
): RefusedError | null {
  if (!refuseActive || active === 0) return null
  const fields = Object.entries(byField).map(
    ([field, values]) =>
      `${field} ${Object.entries(values)
        .map(([value, count]) => `${value} ${count}`)
        .join(', ')}`,
  )
  const watch = watchOf(object)
  const find =
    watch === undefined ? '' : ` To find them: SELECT Id FROM ${watch.object} WHERE ${watch.where}.`
  return new RefusedError(
    'ACTIVE_RECORDS',
    `${active} of ${sampled} ${object} records are active (${fields.join('; ')}), and the request refuses active ` +
      `records (refuseActive).${find} Deactivate them or remove them from the source.`,
  )
}

function unknownActivity(object: string, why: string): RefusedError {
  return new RefusedError(
    'ACTIVITY_UNKNOWN',
    `The request refuses active records (refuseActive), but whether the ${object} records are active is not ` +
      `known: ${why} The state is known of ${WATCHED_OBJECTS.join(', ')}, for a user who ` +
      'may read its fields.',
  )
}

const textOf = (id: Uint8Array): string => to18(Buffer.from(id).toString('latin1'))

async function* batches(
  chunks: readonly ChunkRef[],
  staging: Staging,
): AsyncGenerator<readonly string[]> {
  let batch: string[] = []
  for (const chunk of chunks) {
    for await (const ids of staging.read(chunk, chunk.chunk)) {
      for (let at = 0; at < ids.length; at += ID_LENGTH) {
        batch.push(textOf(ids.subarray(at, at + ID_LENGTH)))
        if (batch.length < MOST_IDS) continue
        yield batch
        batch = []
      }
    }
  }
  if (batch.length > 0) yield batch
}

/** Shown instead of an id, and for an empty field. */
const SET = 'set'
const NONE = 'none'

/** All values beyond this many are counted as one. */
const MOST_VALUES = 20
const OTHER = 'other'

function count(counts: Map<string, number> | undefined, value: string): void {
  if (counts === undefined) return
  const shown = counts.has(value) || counts.size < MOST_VALUES ? value : OTHER
  counts.set(shown, (counts.get(shown) ?? 0) + 1)
}

function tallyOf(object: string) {
  const watch = watchOf(object)
  if (watch === undefined) return null
  const { object: holder, id, fields } = watch
  const names = Object.keys(fields)
  const byField = new Map(names.map((name) => [name, new Map<string, number>()]))
  let sampled = 0
  let found = 0
  let active = 0
  return {
    async add(ids: readonly string[], org: NonNullable<Org>, signal: AbortSignal): Promise<void> {
      const records = await org.recordFields({ object: holder, fields: names, id, ids }, signal)
      sampled += ids.length
      found += records.length
      const inUse = new Set<string | null>()
      for (const record of records) {
        for (const [name, isActive] of Object.entries(fields)) {
          const value = record.get(name) ?? null
          count(byField.get(name), value === null ? NONE : name.endsWith('Id') ? SET : value)
          if (value !== null && isActive(value)) inUse.add(record.get(id) ?? null)
        }
      }
      active += inUse.size
    },
    preflight: (): Preflight => ({
      ...{ sampled, found, active },
      byField: Object.fromEntries(
        [...byField].map(([name, counts]) => [name, Object.fromEntries(counts)]),
      ),
    }),
  }
}
