import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Receipt } from '../../../src/producer/producer.ts'
import type { RefereeStats } from '../../../src/sandbox/sandbox.ts'

/**
 * What a failover made the ledger forget. Redis replicates after it has answered, so a checkpoint or
 * an outcome may be gone that was acted upon: an ingest job that nobody follows, ids that are sent
 * twice, a job more than the window allows. All of it is documented, and nothing else is forgiven.
 */
export interface Forgotten {
  /** Ingest jobs that no receipt names, though a worker had closed them. */
  readonly jobs: number
  /** What they carried. */
  readonly ids: ReadonlySet<string>
  /** Ids that were sent again after a final verdict. */
  readonly sentAgain: number
  /** What the sandbox complains of for any other reason. */
  readonly stats: RefereeStats
}

export const nothingForgotten = (stats: RefereeStats): Forgotten => ({
  ...{ jobs: 0, ids: new Set<string>(), sentAgain: 0, stats },
})

/** @param uploads folder below which the sandbox keeps the upload of each job, by its id */
export async function forgottenBy(
  stats: RefereeStats,
  receipts: readonly Receipt[],
  uploads: string,
): Promise<Forgotten> {
  const named = new Set(receipts.flatMap(({ ingestJobs }) => ingestJobs.map(({ id }) => id)))
  const unnamed = stats.jobs.filter(({ id }) => !named.has(id))
  const closed = new Set(unnamed.filter(({ closedAt }) => closedAt !== null).map(({ id }) => id))
  const files = (await readdir(uploads, { recursive: true })).filter((path) =>
    closed.has(basename(path, '.csv')),
  )
  const lists = await Promise.all(files.map((path) => readFile(join(uploads, path), 'utf8')))
  const isDouble = ({ code }: RefereeStats['violations'][number]) => code === 'DUPLICATE_IN_RUN'
  return {
    jobs: closed.size,
    ids: new Set(lists.flatMap((csv) => csv.split('\n').slice(1, -1))),
    sentAgain: stats.violationCounts['DUPLICATE_IN_RUN'] ?? 0,
    stats: {
      ...stats,
      violations: stats.violations.filter((violation) => !isDouble(violation)),
      // It never runs, and Salesforce drops it.
      jobs: stats.jobs.filter(({ id, state }) => named.has(id) || state !== 'Open'),
    },
  }
}
