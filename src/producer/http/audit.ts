import type { FastifyRequest } from 'fastify'
import { BudgetExceededError } from '../../shared/caller-limits.ts'
import type { Logger } from '../../shared/logger.ts'
import type { ApiKey } from './keys.ts'
import { DeniedError } from './problem.ts'

/** What was changed, and why, in the caller's own words. */
export interface AuditEntry {
  readonly action: 'submit' | 'approve' | 'cancel'
  readonly org: string
  readonly id: string
  readonly reason: string | null
}

/** The line that says who has changed what. Written once the change has been made. */
export function audit(
  log: Logger,
  call: FastifyRequest,
  key: ApiKey,
  { action, org, id, reason }: AuditEntry,
  more: Readonly<Record<string, unknown>> = {},
): void {
  log.info(
    { audit: action, key: key.name, org, request: id, reason, ...more, ...callOf(call) },
    WORDS[action],
  )
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

const WORDS = {
  submit: 'Request submitted.',
  approve: 'Request approved.',
  cancel: 'Request cancelled.',
} as const satisfies Record<AuditEntry['action'], string>
