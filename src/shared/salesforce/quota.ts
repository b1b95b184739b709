import type { IncomingHttpHeaders } from 'node:http'

/** API calls of the org in the last 24 hours, as every answer tells. */
export interface Quota {
  readonly used: number
  readonly max: number
}

/** Reads `Sforce-Limit-Info: api-usage=18/15000`; a usage per app may follow. */
export function parseApiUsage(headers: IncomingHttpHeaders): Quota | undefined {
  const header = headers['sforce-limit-info']
  const match = /(?:^|[^-\w])api-usage=(\d+)\/(\d+)/.exec(String(header ?? ''))
  return match ? { used: Number(match[1]), max: Number(match[2]) } : undefined
}
