import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { isAtOrUnder } from './sources/read-file.ts'

/**
 * The guard rails of an org, enforced by every process. The org's own are in Redis. A request is held
 * to the copy that was made when it was accepted.
 */
const guardRailsSchema = z.object({
  /** Most records of one request. */
  maxRecords: z.int().min(1),
  /** Plans with more records than this wait for approval; null: none. */
  approvalAbove: z.int().min(0).nullable(),
  /** Most records of the first chunk of a large plan, which is sent alone; 0: no such chunk. */
  canary: z.int().min(0),
  /** Whether `hardDelete`, which bypasses the Recycle Bin, is allowed. */
  hardDelete: z.boolean(),
  /**
   * The objects that may be deleted, each with its key prefix; empty if the org is to be asked. Not
   * null, which earlier versions cannot read: with an empty prefix they refuse every id.
   */
  objects: z.record(z.string(), z.string()),
  /** Absolute paths of the folders that a `file` source may read. */
  fileRoots: z.array(z.string()).readonly(),
  /** The folder that relative paths start at; null: only absolute paths are read. */
  fileBase: z.string().nullable().default(null),
  /** How long the records and files of terminal requests are kept. */
  retentionDays: z.int().min(1),
  /** How long after that a request's id is remembered as used. */
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

/** The name of each in the configuration. */
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
 * The stricter of each: the lower limit, the larger canary, the longer times, what both allow. A key
 * prefix is stricter than none. If those of an object differ, neither is stricter, and the first is
 * kept. If relative paths start at different folders, such a path could mean two files, and is refused.
 */
export function strictest(a: GuardRails, b: GuardRails): GuardRails {
  return {
    maxRecords: Math.min(a.maxRecords, b.maxRecords),
    approvalAbove: lower(a.approvalAbove, b.approvalAbove),
    canary: Math.max(a.canary, b.canary),
    hardDelete: a.hardDelete && b.hardDelete,
    objects: Object.fromEntries(
      Object.entries(a.objects)
        .filter(([name]) => Object.hasOwn(b.objects, name))
        .map(([name, prefix]) => [name, prefix || (b.objects[name] ?? '')]),
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

/** The folders that lie under a folder of both, in the order of the first. */
function commonFolders(a: readonly string[], b: readonly string[]): readonly string[] {
  const common = a.flatMap((folder) =>
    b.some((other) => isAtOrUnder(folder, other))
      ? [folder]
      : b.filter((other) => isAtOrUnder(other, folder)),
  )
  return [...new Set(common)]
}

const FIELDS = guardRailsSchema.keyof().options

/** Each value with its name in the configuration file. */
export const railsBySetting = (rails: GuardRails): readonly (readonly [string, unknown])[] =>
  FIELDS.map((field) => [SETTINGS[field], rails[field]])

/** A guard rail with two different values. */
interface RailChange {
  /** Its name in the configuration file. */
  readonly setting: string
  readonly before: unknown
  readonly after: unknown
}

/** What changed from the first to the second. `fileBase` is reported only if the roots are the same. */
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
