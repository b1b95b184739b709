import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../../shared/config.ts'
import type { OrgStore } from '../../shared/org-store.ts'
import { openResultsStore } from '../../shared/results.ts'
import { type Finding, fail, failed, ok } from './finding.ts'

const CHECK = 'Results'

/** Where receipts go: writable, and the same for all processes. Nothing is made that is not there. */
export async function checkResults(
  { results, redis }: Config,
  stores: readonly OrgStore[],
): Promise<Finding> {
  const { path } = results
  try {
    if (!existsSync(path)) {
      await access(existing(path), constants.W_OK)
      return ok(CHECK, `${path} (will be made)`)
    }
    await access(path, constants.W_OK)
    const { id } = await openResultsStore(path)
    // A server of this machine alone is tied anew by each run.
    if (redis === null) return ok(CHECK, path)
    for (const { org, ledger } of stores) {
      const owner = (await ledger.identity())?.results ?? null
      if (owner === null || owner === id) continue
      const found = `${path} is store ${id}, but org "${org}" in Redis uses store ${owner}`
      return fail(CHECK, found, 'Set EXPUNGE_RESULTS to the directory that all processes share.')
    }
    return ok(CHECK, path)
  } catch (error) {
    return failed(CHECK, error)
  }
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path))
}
