import { constants, existsSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../../shared/config/config.ts'
import { STORE_FILE } from '../../shared/results/directory/store-id.ts'
import { openResultsStore } from '../../shared/results/open.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { type Finding, fail, failed, ok, warn } from './finding.ts'

const CHECK = 'Results'

/**
 * The directory for receipts: writable, and the same for all processes. Creates nothing that does
 * not exist.
 */
export async function checkResults(
  { results, redis }: Pick<Config, 'results' | 'redis'>,
  stores: readonly OrgStore[],
): Promise<Finding> {
  const { path } = results
  try {
    if (!existsSync(path)) {
      await access(existing(path), constants.W_OK)
      return ok(CHECK, `${path} (will be created)`)
    }
    await access(path, constants.W_OK)
    const { id } = await openResultsStore(results)
    // An embedded server is tied to a new directory by each run.
    if (redis === null) return await asFoundOn(path)
    for (const { org, ledger } of stores) {
      const owner = (await ledger.identity())?.results ?? null
      if (owner === null || owner === id) continue
      const found = `${path} is store ${id}, but org "${org}" in Redis uses store ${owner}`
      return fail(CHECK, found, 'Set EXPUNGE_RESULTS to the directory that all processes share.')
    }
    return await asFoundOn(path)
  } catch (error) {
    return failed(CHECK, error)
  }
}

/** Files of the store are created for their owner alone; SMB, exFAT and others keep no modes. */
async function asFoundOn(path: string): Promise<Finding> {
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
