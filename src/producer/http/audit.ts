import type { FastifyRequest } from 'fastify'
import { type AuditEntry, writeAudit } from '../../shared/audit.ts'
import { BudgetExceededError } from '../../shared/caller-limits.ts'
import type { Logger } from '../../shared/logger.ts'
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

/** The line that says what somebody has tried whose key is not for that, or not for so much; none for other failures. */
export function auditDenial(
  log: Logger,
  call: FastifyRequest,
  key: ApiKey,
  { action, org, id, reason }: AuditEntry,
  error: unknown,
): void {
  if (!(error instanceof DeniedError || error instanceof BudgetExceededError)) return
  log.warn(
    { audit: action, denied: error.code, key: key.name, org, request: id, reason, ...callOf(call) },
    'A change was denied.',
  )
}

/** What finds the lines of one call, and the caller's answer. */
export function callOf({ id, ip }: FastifyRequest): {
  httpRequestId: string
  remoteAddress: string
} {
  return { httpRequestId: id, remoteAddress: ip }
}
