/** Milliseconds. None limits a whole upload or download: only silence does. */
export interface Timeouts {
  /** Until a connection stands, its TLS or proxy tunnel too. */
  readonly connect: number
  /** From the end of what we send to the head of the answer. */
  readonly response: number
  /** Without a byte in either direction. */
  readonly idle: number
}

/** Salesforce cuts its own REST calls off after ten minutes; storing an upload takes it longest. */
export const DEFAULT_TIMEOUTS: Timeouts = { connect: 15_000, response: 300_000, idle: 300_000 }
