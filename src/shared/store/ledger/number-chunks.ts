import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

const NUMBER_CHUNKS = script(
  'number-chunks',
  `
if redis.call('HEXISTS', KEYS[1], 'request') == 0 then return false end
return redis.call('HINCRBY', KEYS[1], 'nextChunk', ARGV[1]) - ARGV[1]
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
  const first = await runScript(ledger, NUMBER_CHUNKS, [keys.request(id)], [count])
  return first === null ? null : Number(first)
}
