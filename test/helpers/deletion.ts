import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeletionRequestInput, Outcome, Receipt, Status } from '../../src/producer/producer.ts'
import { NO_OUTCOME } from '../../src/shared/contract/receipt.ts'
import { poll } from './poll.ts'
import type { World } from './world.ts'

type Fields = Partial<Omit<DeletionRequestInput, 'org' | 'source'>>

/** Submits a request of these ids; resolves with its id. */
export async function submitIds(
  { producer, org }: World,
  ids: readonly string[],
  fields: Fields = {},
): Promise<string> {
  const source = { type: 'ids' as const, ids: [...ids] }
  const { request } = await producer.submit({ org, object: 'Contact', source, ...fields })
  return request.id
}

/** The same, to its receipt. */
export async function deleteIds(
  world: World,
  ids: readonly string[],
  fields: Fields = {},
): Promise<Receipt> {
  return receiptOf(world, await submitIds(world, ids, fields))
}

/** The producer's own `wait` looks four times a second; tests have no time for that. */
export function receiptOf({ store }: World, id: string): Promise<Receipt> {
  return poll(async () => {
    const record = await store.ledger.load(id)
    if (record === null) throw new Error(`expected a request ${id}`)
    return record.receipt
  })
}

/** Resolves once the request has come so far. */
export async function statusReached({ store }: World, id: string, status: Status): Promise<void> {
  await poll(async () => ((await store.ledger.load(id))?.status === status ? true : null))
}

/** The lines of a result file without its header, null where there is none. */
export async function linesOf(
  { results, org }: World,
  id: string,
  name: string,
): Promise<readonly string[] | null> {
  try {
    const text = await readFile(join(results, org, id, name), 'utf8')
    return text.split('\n').slice(1, -1)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

export const outcome = (counts: Partial<Outcome>): Outcome => ({ ...NO_OUTCOME, ...counts })
