import { join } from 'node:path'
import type { Receipt } from '../../../src/producer/producer.ts'
import { idOf, isInDoubt, linesOf } from './audit.ts'
import type { Errand } from './load.ts'

/**
 * Whether the accounts of requests that asked for the same records agree. A record is deleted once, by
 * one ingest job: whoever is told that it was deleted took part in that job, and somebody is told.
 */

export interface Settled {
  readonly errand: Errand
  readonly receipt: Receipt
  /** What the sandbox ever said about each accepted id, in their order. */
  readonly verdicts: readonly (readonly string[])[]
}

/** By id, the receipts of those who are told that it was deleted. */
type Told = ReadonlyMap<string, readonly Receipt[]>

/** @param results folder of the org's results */
export async function toldDeleted(settled: readonly Settled[], results: string): Promise<Told> {
  const told = new Map<string, Receipt[]>()
  for (const { errand, receipt } of settled) {
    if (!errand.isShared) continue
    for (const id of (await linesOf(join(results, receipt.id), 'deleted')).map(idOf)) {
      told.set(id, [...(told.get(id) ?? []), receipt])
    }
  }
  return told
}

export function auditShared(
  settled: readonly Settled[],
  told: Told,
  forgotten: ReadonlySet<string>,
): readonly string[] {
  const shared = settled.filter(({ errand }) => errand.isShared)
  const doubtful = new Set(
    shared
      .filter(({ receipt }) => receipt.ingestJobs.some(isInDoubt))
      .flatMap(({ errand }) => errand.records.accepted),
  )
  const isCertain = (id: string) => !doubtful.has(id) && !forgotten.has(id)
  const deleted = new Set(
    shared.flatMap(({ errand, verdicts }) =>
      errand.records.accepted.filter((_, at) => verdicts[at]?.includes('DELETED')),
    ),
  )
  return [
    ...[...deleted]
      .filter((id) => isCertain(id) && !told.has(id))
      .map((id) => `${id} was deleted, and none of those who asked for it is told so`),
    ...[...told]
      .filter(([id, receipts]) => isCertain(id) && !haveJobInCommon(receipts))
      .map(([id, receipts]) => `${id} is told deleted by several jobs: ${namesOf(receipts)}`),
  ]
}

function haveJobInCommon([first, ...others]: readonly Receipt[]): boolean {
  const jobs = first?.ingestJobs.map(({ id }) => id) ?? []
  return jobs.some((job) =>
    others.every(({ ingestJobs }) => ingestJobs.some(({ id }) => id === job)),
  )
}

const namesOf = (receipts: readonly Receipt[]) => receipts.map(({ id }) => id).join(', ')
