import { z } from 'zod'
import { file } from './file.ts'
import { http } from './http.ts'
import { ids } from './ids.ts'
import type { SourceKind } from './kind.ts'
import { postgres } from './postgres.ts'
import { s3 } from './s3.ts'
import { soql } from './soql.ts'
import { upload } from './upload.ts'

/** Every kind of source by its `type`. All that differs between kinds is defined in the kind. */
export const SOURCES = { ids, upload, file, http, postgres, s3, soql }
export type SourceType = keyof typeof SOURCES

/** One list of ids as callers write it. */
export const listSchema = z.discriminatedUnion('type', [
  ids.schema,
  upload.schema,
  file.schema,
  http.schema,
  postgres.schema,
  s3.schema,
  soql.schema,
])
/** The same as the ledger keeps it. */
const storedListSchema = z.discriminatedUnion('type', [
  ids.stored,
  upload.stored,
  file.stored,
  http.stored,
  postgres.stored,
  s3.stored,
  soql.stored,
])

const except = listSchema.optional().describe('A list of ids that are left out.')
const storedExcept = storedListSchema.optional()

const LISTS = [
  ids.schema.safeExtend({ except }),
  upload.schema.safeExtend({ except }),
  file.schema.safeExtend({ except }),
  http.schema.safeExtend({ except }),
  postgres.schema.safeExtend({ except }),
  s3.schema.safeExtend({ except }),
  soql.schema.safeExtend({ except }),
] as const
const STORED_LISTS = [
  ids.stored.safeExtend({ except: storedExcept }),
  upload.stored.safeExtend({ except: storedExcept }),
  file.stored.safeExtend({ except: storedExcept }),
  http.stored.safeExtend({ except: storedExcept }),
  postgres.stored.safeExtend({ except: storedExcept }),
  s3.stored.safeExtend({ except: storedExcept }),
  soql.stored.safeExtend({ except: storedExcept }),
] as const

const MOST_MEMBERS = 100

/** Several lists, read one after the other. */
const union = z.strictObject({
  type: z.literal('union'),
  of: z.array(z.discriminatedUnion('type', LISTS)).min(1).max(MOST_MEMBERS).readonly(),
  except,
})
const storedUnion = z.object({
  type: z.literal('union'),
  of: z.array(z.discriminatedUnion('type', STORED_LISTS)).readonly(),
  except: storedExcept,
})

/** A source as callers write it. */
export const sourceSchema = z.discriminatedUnion('type', [...LISTS, union])
/** A source as the ledger keeps it. */
export const storedSourceSchema = z.discriminatedUnion('type', [...STORED_LISTS, storedUnion])

export type WantedSource = z.output<typeof sourceSchema>
export type StoredSource = z.output<typeof storedSourceSchema>
/** One list of ids as callers write it. */
export type WantedList = z.output<typeof listSchema>
/** One list of ids as the ledger keeps it. */
export type StoredList = z.output<typeof storedListSchema>

/** The kind of a list. Its functions take lists of that type only. */
export function kindOf({ type }: Pick<StoredList, 'type'>): SourceKind<WantedList, StoredList> {
  return SOURCES[type]
}

export const SOURCE_TYPES = listSchema.options.map(({ shape }) => shape.type.value)
