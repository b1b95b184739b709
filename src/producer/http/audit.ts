import type { FastifyRequest } from 'fastify'
import { type AuditEntry, type Logger, writeAudit } from '../../shared/base/logger.ts'
import type { RedisTrouble } from '../../shared/store/redis/trouble.ts'
import { BudgetExceededError, RedisUnavailableError } from '../producer.ts'
import type { ApiKey } from './api-key.ts'
import { callOf } from './call-log.ts'
import { DeniedError } from './http-error.ts'

type Change = Omit<AuditEntry, 'action'>

/** Org and id are null if the call was not read that far. */
interface Attempt extends Omit<Change, 'org' | 'id'> {
  readonly org: string | null
  readonly id: string | null
}

/** Writes the audit log's lines about one call. */
interface Auditor {
  /** The line for a change: who changed what, with the fields that identify the call. */
  made(change: Change, more?: Readonly<Record<string, unknown>>): void
  /**
   * The line for a failed attempt, in two cases: the key lacks the permission or the budget, or
   * Redis did not confirm the change. In the latter case a repeated call would find the change
   * already made, so no other line would record it. Other failures leave no line.
   */
  failed(attempt: Attempt, error: unknown): void
}

/** @param action what the call does; null if it changes nothing and leaves no line */
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
        const words = 'It is unknown whether a change was made.'
        log.warn({ audit: action, inDoubt: error.code, ...who }, words)
      }
    },
  }
}

const MAY_BE_DONE: ReadonlySet<RedisTrouble> = new Set(['REDIS_AWAY', 'REDIS_NOT_REPLICATED'])
