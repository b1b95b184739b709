import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { isAtOrUnder } from './sources/read-file.ts'

/**
 * What guards the deletions of an org, whichever process plans, sends or accounts for them. The org's
 * own lie in Redis; a request carries a copy from when it was accepted, and is held to that.
 */
const guardRailsSchema = z.object({
  /** Of one request. */
  maxRecords: z.int().min(1),
  /** Plans above so many records wait for approval; null: none. */
  approvalAbove: z.int().min(0).nullable(),
  /** Records that the first chunk of a large plan has at most, which goes alone; 0: none does. */
  canary: z.int().min(0),
  /** Whether `hardDelete`, past the Recycle Bin, may be asked for. */
  hardDelete: z.boolean(),
  /** The objects that may be deleted, each with the prefix of its ids. */
  objects: z.record(z.string(), z.string()),
  /** Absolute folders of which the `file` source may read. */
  fileRoots: z.array(z.string()).readonly(),
  /** The folder at which a relative path starts; null: nowhere, only absolute ones are read. */
  fileBase: z.string().nullable().default(null),
  /** How long records and files of ended requests are kept. */
  retentionDays: z.int().min(1),
  /** How long, after that, the id of a request is still known as used. */
  idempotencyDays: z.int().min(0),
  /** Whether every deleted id is written to `deleted.csv`. */
  keepDeleted: z.boolean(),
})
export type GuardRails = Readonly<z.output<typeof guardRailsSchema>>

export const parseGuardRails = (json: string): GuardRails =>
  guardRailsSchema.parse(JSON.parse(json))

const DAY_SECONDS = 24 * 3600

export const retentionSeconds = ({ retentionDays }: Pick<GuardRails, 'retentionDays'>): number =>
  retentionDays * DAY_SECONDS

export const idempotencySeconds = ({
  idempotencyDays,
}: Pick<GuardRails, 'idempotencyDays'>): number => idempotencyDays * DAY_SECONDS

/** What each is called in the configuration. */
const SETTINGS: Readonly<Record<keyof GuardRails, string>> = {
  maxRecords: 'maxRecords',
  approvalAbove: 'approvalAbove',
  canary: 'canary',
  hardDelete: 'hardDelete',
  objects: 'objects',
  fileRoots: 'files.roots',
  fileBase: 'files.roots[0]',
  retentionDays: 'retentionDays',
  idempotencyDays: 'idempotencyDays',
  keepDeleted: 'results.deleted',
}

/**
 * Of each rail the stricter one: the lower limit, the larger canary, the longer times, what both
 * allow. Where the prefixes of an object differ neither is stricter, and the first one stays. Where
 * they start relative paths at different folders, such a path may mean two files, and is refused.
 */
export function strictest(a: GuardRails, b: GuardRails): GuardRails {
  return {
    maxRecords: Math.min(a.maxRecords, b.maxRecords),
    approvalAbove: lower(a.approvalAbove, b.approvalAbove),
    canary: Math.max(a.canary, b.canary),
    hardDelete: a.hardDelete && b.hardDelete,
    objects: Object.fromEntries(
      Object.entries(a.objects).filter(([name]) => Object.hasOwn(b.objects, name)),
    ),
    fileRoots: commonFolders(a.fileRoots, b.fileRoots),
    fileBase: a.fileBase === b.fileBase ? a.fileBase : null,
    retentionDays: Math.max(a.retentionDays, b.retentionDays),
    idempotencyDays: Math.max(a.idempotencyDays, b.idempotencyDays),
    keepDeleted: a.keepDeleted || b.keepDeleted,
  }
}

const lower = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)

/** What lies under a folder of each, in the order of the first. */
function commonFolders(a: readonly string[], b: readonly string[]): readonly string[] {
  const common = a.flatMap((folder) =>
    b.some((other) => isAtOrUnder(folder, other))
      ? [folder]
      : b.filter((other) => isAtOrUnder(other, folder)),
  )
  return [...new Set(common)]
}

const FIELDS = guardRailsSchema.keyof().options

/** Each under its name in the configuration file. */
export const railsBySetting = (rails: GuardRails): readonly (readonly [string, unknown])[] =>
  FIELDS.map((field) => [SETTINGS[field], rails[field]])

/** One guard rail that is not the same in two places. */
interface RailChange {
  /** As in the configuration file. */
  readonly setting: string
  readonly before: unknown
  readonly after: unknown
}

/** What is different in the second. The first root is told only where the roots are the same. */
export function railChanges(before: GuardRails, after: GuardRails): readonly RailChange[] {
  const differs = (field: keyof GuardRails) => !isDeepStrictEqual(before[field], after[field])
  return FIELDS.filter(
    (field) => differs(field) && !(field === 'fileBase' && differs('fileRoots')),
  ).map((field) => ({
    setting: SETTINGS[field],
    before: before[field],
    after: after[field],
  }))
}
