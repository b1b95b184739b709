import { z } from 'zod'
import type { FileState, SourceContent } from '../../contract/source-file.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { contentSchema } from './record.ts'
import { runScript, script } from './script.ts'

// The first attempt's word stays; a later one is told what it was.
const PIN_SOURCE = script(
  'pin-source',
  { keys: ['request'], args: ['lot', 'field', 'value'] },
  `
if redis.call('HGET', request, 'lot') ~= lot then return nil end
redis.call('HSETNX', request, field, value)
return redis.call('HGET', request, field)
`,
)

/**
 * What the first planning attempt found at a file's path: how the file looked when it was opened, and
 * which bytes it held once it was read. An attempt that follows a crash must find the same.
 */
export type SourcePin =
  | { readonly field: 'seen'; readonly value: FileState }
  | { readonly field: 'content'; readonly value: SourceContent }

const seenSchema: z.ZodType<FileState> = z.object({ bytes: z.int(), modifiedAt: z.number() })

/** Whether the source is as the first attempt found it; `stale`: another attempt counts by now. */
export async function pinSource(
  ledger: LedgerConnection,
  keys: OrgKeys,
  { id, lot, pin }: { id: string; lot: string; pin: SourcePin },
): Promise<'same' | 'other' | 'stale'> {
  const { field, value } = pin
  const given = { request: keys.request(id), lot, field, value: JSON.stringify(value) }
  const json = z
    .string()
    .nullable()
    .parse(await runScript(ledger, PIN_SOURCE, given))
  if (json === null) return 'stale'
  const first: unknown = JSON.parse(json)
  return isSame(pin, first) ? 'same' : 'other'
}

function isSame({ field, value }: SourcePin, first: unknown): boolean {
  switch (field) {
    case 'seen': {
      const { bytes, modifiedAt } = seenSchema.parse(first)
      return bytes === value.bytes && modifiedAt === value.modifiedAt
    }
    case 'content':
      return contentSchema.parse(first).sha256 === value.sha256
    default:
      throw new TypeError(`Unknown field ${String(field satisfies never)}`)
  }
}
