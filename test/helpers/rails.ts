import type { GuardRails } from '../../src/shared/contract/guard-rails.ts'

/** An org's guard rails where a test needs any. */
export const RAILS: GuardRails = {
  ...{ maxRecords: 1, approvalAbove: null, canary: 0, hardDelete: false, objects: {} },
  ...{ fileRoots: [], fileBase: null, retentionDays: 1, idempotencyDays: 0, keepDeleted: false },
}
