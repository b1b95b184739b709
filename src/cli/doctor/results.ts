import { constants, existsSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../../shared/config/config.ts'
import { probeBucket } from '../../shared/results/bucket/probe.ts'
import { readResults } from '../../shared/results/open.ts'
import { type ResultsPlace, STORE_FILE } from '../../shared/results/results-store.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { type Finding, fail, failed, ok, warn } from './finding.ts'

const CHECK = 'Results'

/** The place of receipts: writable, and the same for all processes. Creates no store. */
export async function checkResults(
  { results, redis }: Pick<Config, 'results' | 'redis'>,
  stores: readonly OrgStore[],
): Promise<Finding> {
  const { path } = results
  try {
    await assertWritable(results)
    const id = await storeIdAt(results)
    // An embedded server is tied to a new place by each run.
    for (const { org, ledger } of redis === null ? [] : stores) {
      const owner = (await ledger.identity())?.results ?? null
      if (owner === null || owner === id) continue
      const held = id === null ? 'holds no store' : `is store ${id}`
      const found = `${path} ${held}, but org "${org}" in Redis uses store ${owner}`
      return fail(CHECK, found, 'Set EXPUNGE_RESULTS to the place that all processes share.')
    }
    return id === null ? ok(CHECK, `${path} (will be created)`) : await asFoundOn(results)
  } catch (error) {
    return failed(CHECK, error)
  }
}

async function assertWritable(place: ResultsPlace): Promise<void> {
  if (place.kind === 'bucket') return probeBucket(place)
  await access(existing(place.path), constants.W_OK)
}

async function storeIdAt(place: ResultsPlace): Promise<string | null> {
  const reader = readResults(place)
  return reader.storeId().finally(() => reader.close())
}

/** Files of the store are created for their owner alone; SMB, exFAT and others keep no modes. */
async function asFoundOn({ kind, path }: ResultsPlace): Promise<Finding> {
  if (kind === 'bucket') return ok(CHECK, path)
  const { mode } = await stat(join(path, STORE_FILE))
  if ((mode & 0o077) === 0) return ok(CHECK, path)
  const octal = (mode & 0o777).toString(8).padStart(4, '0')
  return warn(
    CHECK,
    `${path} (others may read the files there: ${STORE_FILE} has mode ${octal})`,
    'Result files name records: keep them on a file system with modes, or mount it for this user alone.',
  )
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path))
}
