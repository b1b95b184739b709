/** How much, and for how long, one caller may have of the process. */

/** Of a body that only says why. */
export const ACTION_BYTES = 16 * 1024

/** A list in a request has a depth of 3; sources made of others take a few more. */
export const JSON_DEPTH = 16

/** Enough to tell how many of 10,000 ids are too many; to check more is not worth the time. */
export const JSON_VALUES = 20_000

/** Of all bodies that come in now: each is held whole until it is there. */
export const JSON_BYTES_AT_ONCE = 64 * 1024 * 1024
export const JSON_BYTES_PER_KEY = JSON_BYTES_AT_ONCE / 4

/** Of all header lines together; Node answers 431 past it. */
export const HEADER_BYTES = 16 * 1024
export const HEADERS = 64

/** A request id has 128 characters; the router refuses what is longer than this. */
export const PARAMETER_CHARS = 160

/** Each holds two frames in memory: see staging.ts. */
export const UPLOADS_AT_ONCE = 32
export const UPLOADS_PER_KEY = UPLOADS_AT_ONCE / 4

/** Calls of one key that are being answered: a download takes as long as its reader likes. */
export const CALLS_PER_KEY = 256

/**
 * Pages of the list that one key reads at once. One that leaves requests out reads up to 1,000 records,
 * 100 ms of this process: 250 at once made another key wait for 7 s.
 */
export const PAGES_PER_KEY = 4

/** Between two calls over one connection; longer than the 60 s for which load balancers keep theirs. */
export const KEEP_ALIVE_MS = 65_000

/** After which a caller may ask again. */
export const RETRY_AFTER_SECONDS = 5

/** How slow the sender of a body may be. */
export interface MinimumRate {
  /** In all, on top of what the bytes that came have earned. */
  readonly graceMs: number
  /** Between two blocks. */
  readonly silentMs: number
  readonly bytesPerSecond: number
}

/** How long is waited, in milliseconds. */
export interface HttpTimeouts {
  /** Before the last header line is there. */
  readonly headersMs: number
  readonly body: MinimumRate
  /** Without a byte in either direction, also where a caller does not fetch what was asked for. */
  readonly silentMs: number
  /** For the rest of a body that nobody reads, so that its sender sees the answer. */
  readonly lingerMs: number
  /** "About a second": Redis answers within milliseconds, or something is wrong with it. */
  readonly redisMs: number
  /** For what is in flight when the process is told to stop; orchestrators kill after 10 s or more. */
  readonly drainMs: number
}

export const HTTP_TIMEOUTS: HttpTimeouts = {
  headersMs: 10_000,
  body: { graceMs: 15_000, silentMs: 15_000, bytesPerSecond: 2_000 },
  silentMs: 60_000,
  lingerMs: 5_000,
  redisMs: 1_500,
  drainMs: 6_000,
}
