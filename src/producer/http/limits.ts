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
