/** The 4xx statuses that allow a retry: Request Timeout, Too Early, Too Many Requests. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429])

/** Whether a server that answers with this status may accept the same call later. */
export const isTransientStatus = (status: number): boolean => status >= 500 || TRANSIENT.has(status)
