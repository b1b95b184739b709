const NO_LIMIT = Number.POSITIVE_INFINITY
const MIB = 1024 * 1024

/** How much of the process one caller may use. */
export const LIMITS = {
  /** Bytes of a body that only gives a reason. */
  actionBytes: 16 * 1024,

  json: {
    /** A list in a request has a depth of 3; nested sources need a few more. */
    depth: 16,
    /**
     * Enough to report by how many 10,000 ids are exceeded; validating more is not worth the time.
     */
    values: 20_000,
  },

  /** For all bodies being received: each is kept in memory until it is complete. */
  jsonBytes: { unit: 'bytes of JSON', total: 64 * MIB, perKey: 16 * MIB },

  /** Each holds two frames in memory: see staging.ts. */
  uploads: { unit: 'uploads', total: 32, perKey: 8 },

  /** Calls being answered: a download takes as long as its reader does. */
  calls: { unit: 'calls', total: NO_LIMIT, perKey: 256 },

  /**
   * Pages being read. A filtered page reads up to 1,000 records, 100 ms of this process: 250 at
   * once made another key wait for 7 s.
   */
  pages: { unit: 'pages of the list', total: NO_LIMIT, perKey: 4 },
} as const
