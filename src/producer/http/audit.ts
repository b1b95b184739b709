import type { FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/base/logger.ts'
import { type AuditEntry, writeAudit } from '../../shared/base/logger.ts'
import type { RedisTrouble } from '../../shared/store/redis/trouble.ts'
import { BudgetExceededError, RedisUnavailableError } from '../producer.ts'
import type { ApiKey } from './api-key.ts'
import { callOf } from './call-log.ts'
import { DeniedError } from './http-error.ts'

type Change = Omit<AuditEntry, 'action'>

/** Org and id are null where the call was not read so far. */
interface Attempt extends Omit<Change, 'org' | 'id'> {
  readonly org: string | null
  readonly id: string | null
}

/** Writes the audit log's lines about one call. */
interface Auditor {
  /** The line that says who has changed what, with what finds the call. */
  made(change: Change, more?: Readonly<Record<string, unknown>>): void
  /**
   * The line for an attempt that failed: where the key is not for that, or not for so much, and where
   * Redis did not say whether it was done. A caller who repeats the latter finds it done, so that no
   * other line would ever say it. None for other failures.
   */
  failed(attempt: Attempt, error: unknown): void
}

/** @param action what the call does; null where it changes nothing, and leaves no line */
export function auditorOf(
  log: Logger,
  call: FastifyRequest,
  key: ApiKey,
  action: AuditEntry['action'] | null,
): Auditor {
  if (action === null) return { made: () => {}, failed: () => {} }
  return {
    made: (change, more = {}) => {
      writeAudit(log, { action, ...change }, { key: key.name, ...more, ...callOf(call) })
    },
    failed: ({ org, id, reason }, error) => {
      const who = { key: key.name, org, request: id, reason, ...callOf(call) }
      if (error instanceof DeniedError || error instanceof BudgetExceededError) {
        log.warn({ audit: action, denied: error.code, ...who }, 'A change was denied.')
      } else if (error instanceof RedisUnavailableError && MAY_BE_DONE.has(error.code)) {
        const words = 'Whether a change was made, and is kept, is not known.'
        log.warn({ audit: action, inDoubt: error.code, ...who }, words)
      }
    },
  }
}

const MAY_BE_DONE: ReadonlySet<RedisTrouble> = new Set(['REDIS_AWAY', 'REDIS_NOT_REPLICATED'])
