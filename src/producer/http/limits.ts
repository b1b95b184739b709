/** How much, and for how long, one caller may have of the process. */

/** 10,000 ids of 255 characters, far more than ids have, and what stands around them. */
export const JSON_BYTES = 4 * 1024 * 1024

/** Of all bodies that come in now: each is held whole until it is there. */
export const JSON_BYTES_AT_ONCE = 16 * JSON_BYTES

/** Of all header lines together; Node answers 431 past it. */
export const HEADER_BYTES = 16 * 1024
export const HEADERS = 64

/** A request id has 128 characters; the router refuses what is longer than this. */
export const PARAMETER_CHARS = 160

/** Each holds two frames in memory: see staging.ts. */
export const UPLOADS_AT_ONCE = 32

/** Between two calls over one connection; longer than the 60 s for which load balancers keep theirs. */
export const KEEP_ALIVE_MS = 65_000

/** After which a caller may ask again. */
export const RETRY_AFTER_SECONDS = 5

/** How slow the sender of a body may be. */
export interface Pace {
  /** In all, on top of what the bytes that came have earned. */
  readonly graceMs: number
  /** Between two blocks. */
  readonly silentMs: number
  readonly bytesPerSecond: number
}

/** How long is waited, in milliseconds. */
export interface Patience {
  /** Before the last header line is there. */
  readonly headersMs: number
  readonly body: Pace
  /** Without a byte in either direction, also where a caller does not fetch what was asked for. */
  readonly silentMs: number
  /** For the rest of a body that nobody reads, so that its sender sees the answer. */
  readonly lingerMs: number
  /** "About a second": Redis answers within milliseconds, or something is wrong with it. */
  readonly redisMs: number
  /** For what is in flight when the process is told to stop; orchestrators kill after 10 s or more. */
  readonly drainMs: number
}

export const PATIENCE: Patience = {
  headersMs: 10_000,
  body: { graceMs: 15_000, silentMs: 15_000, bytesPerSecond: 2_000 },
  silentMs: 60_000,
  lingerMs: 5_000,
  redisMs: 1_500,
  drainMs: 6_000,
}
