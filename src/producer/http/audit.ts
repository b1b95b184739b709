import type { FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/base/logger.ts'
import { type AuditEntry, writeAudit } from '../../shared/base/logger.ts'
import { BudgetExceededError } from '../../shared/contract/caller-limits.ts'
import { type RedisTrouble, RedisUnavailableError } from '../../shared/store/redis/trouble.ts'
import type { ApiKey } from './keys.ts'
import { DeniedError } from './problem.ts'

/** The line that says who has changed what, with what finds the call. */
export function audit(
  log: Logger,
  call: FastifyRequest,
  key: ApiKey,
  entry: AuditEntry,
  more: Readonly<Record<string, unknown>> = {},
): void {
  writeAudit(log, entry, { key: key.name, ...more, ...callOf(call) })
}

/** What was not made, or may not have been. Org and id are null where the call was not read so far. */
export interface Attempt extends Omit<AuditEntry, 'org' | 'id'> {
  readonly org: string | null
  readonly id: string | null
}

/**
 * The line for an attempt that failed: where the key is not for that, or not for so much, and where
 * Redis did not say whether it was done. Who repeats the latter finds it done, so that no other line
 * would ever say it. None for other failures.
 */
export function auditFailure(
  log: Logger,
  call: FastifyRequest,
  key: ApiKey,
  { action, org, id, reason }: Attempt,
  error: unknown,
): void {
  const who = { key: key.name, org, request: id, reason, ...callOf(call) }
  if (error instanceof DeniedError || error instanceof BudgetExceededError) {
    log.warn({ audit: action, denied: error.code, ...who }, 'A change was denied.')
  } else if (error instanceof RedisUnavailableError && MAY_BE_DONE.has(error.code)) {
    const words = 'Whether a change was made, and is kept, is not known.'
    log.warn({ audit: action, inDoubt: error.code, ...who }, words)
  }
}

const MAY_BE_DONE: ReadonlySet<RedisTrouble> = new Set(['REDIS_AWAY', 'REDIS_NOT_REPLICATED'])

/** What finds the lines of one call, and the caller's answer. */
export function callOf({ id, ip }: FastifyRequest): {
  httpRequestId: string
  remoteAddress: string
} {
  return { httpRequestId: id, remoteAddress: ip }
}
