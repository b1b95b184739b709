import type { OrgStore } from '../../src/shared/store/org-store.ts'
import { readStaged } from '../../src/worker/sources/staged.ts'

/** What a worker will read of a request, wherever it lies; empty where nothing was staged. */
export async function stagedBytes(store: OrgStore, id: string): Promise<string> {
  const record = await store.ledger.load(id)
  if (!record?.staged) return ''
  const blocks = await Array.fromAsync(readStaged(store, id, record.staged))
  return Buffer.concat(blocks).toString()
}
