const NO_LIMIT = Number.POSITIVE_INFINITY
const MIB = 1024 * 1024

/** How much of the process one caller may have. */
export const LIMITS = {
  /** Bytes of a body that only says why. */
  actionBytes: 16 * 1024,

  json: {
    /** A list in a request has a depth of 3; sources made of others take a few more. */
    depth: 16,
    /** Enough to tell how many of 10,000 ids are too many; to check more is not worth the time. */
    values: 20_000,
  },

  /** Of all bodies that come in now: each is held whole until it is there. */
  jsonBytes: { unit: 'bytes of JSON', total: 64 * MIB, perKey: 16 * MIB },

  /** Each holds two frames in memory: see staging.ts. */
  uploads: { unit: 'uploads', total: 32, perKey: 8 },

  /** That are being answered: a download takes as long as its reader likes. */
  calls: { unit: 'calls', total: NO_LIMIT, perKey: 256 },

  /**
   * That are read at once. A page that leaves requests out reads up to 1,000 records, 100 ms of this
   * process: 250 at once made another key wait for 7 s.
   */
  pages: { unit: 'pages of the list', total: NO_LIMIT, perKey: 4 },
} as const
