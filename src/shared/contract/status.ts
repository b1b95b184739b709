/** The statuses of a request. */

export const TERMINAL_STATUSES = [
  'completed',
  'incomplete',
  'planned',
  'refused',
  'cancelled',
  'failed',
] as const
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number]

export const LIVE_STATUSES = ['queued', 'planning', 'awaiting-approval', 'deleting'] as const
export type LiveStatus = (typeof LIVE_STATUSES)[number]

export type Status = LiveStatus | TerminalStatus
export const STATUSES = [...LIVE_STATUSES, ...TERMINAL_STATUSES] as const

export function isTerminal(status: Status): status is TerminalStatus {
  return (TERMINAL_STATUSES as readonly Status[]).includes(status)
}
