import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

const NUMBER_CHUNKS = script(
  'number-chunks',
  { keys: ['request'], args: ['count'] },
  `
if redis.call('HEXISTS', request, 'request') == 0 then return false end
return redis.call('HINCRBY', request, 'nextChunk', count) - count
`,
)

/**
 * Sets numbers aside for chunks that carry rows again. Returns the first of them; numbers that a
 * crash leaves unused are never given again. Null where the request is gone.
 */
export async function numberChunks(
  ledger: LedgerConnection,
  keys: OrgKeys,
  { id, count }: { id: string; count: number },
): Promise<number | null> {
  const first = await runScript(ledger, NUMBER_CHUNKS, { request: keys.request(id), count })
  return first === null ? null : Number(first)
}
