import { randomUUID } from 'node:crypto'
import { WrongLedgerOrOrgError } from '../../base/errors.ts'
import { bareScript, evaluateBare } from '../redis/bare-script.ts'
import type { RedisClient } from '../redis/redis.ts'
import type { OrgKeys } from './keys.ts'

/** The ledger's identity: a random generation, and its owners once they are known. */
type LedgerIdentity = {
  readonly generation: string
  /** The Salesforce org (00D…) of the first login. */
  readonly orgId: string | null
  /** Id of the results store of the first process. */
  readonly results: string | null
  /** The directory of that store, as named by the process that last opened it. */
  readonly resultsAt: string | null
}

/**
 * The keys hold another ledger than the one this process opened: Redis came back empty, was flushed
 * or restored from another copy, or its name now leads to another server. What this process knows
 * about its requests does not apply there, so it stops before its next effect.
 */
export class LedgerReplacedError extends WrongLedgerOrOrgError {
  readonly code = 'OTHER_LEDGER'
  readonly expected: LedgerIdentity
  /** Null if the keys hold no ledger. */
  readonly found: LedgerIdentity | null

  constructor(org: string, expected: LedgerIdentity, found: LedgerIdentity | null) {
    super(
      `The ledger of org "${org}" in Redis is not the one that this process opened: expected ${words(expected)}, ` +
        `found ${found === null ? 'none (Redis came back empty, or was flushed)' : words(found)}. ` +
        'This process does nothing more for the org. Look at what became of Redis, then start the process again.',
    )
    this.expected = expected
    this.found = found
  }
}

const words = ({ generation, orgId }: LedgerIdentity): string =>
  `generation ${generation} of ${orgId === null ? 'no Salesforce org yet' : `Salesforce org ${orgId}`}`

/** First word of a script's error if it finds another generation. */
export const OTHER_LEDGER = 'OTHERLEDGER'

const FIELDS = ['generation', 'orgId', 'results', 'resultsAt']

// Only a process that opens the ledger creates an identity, and only if there is none.
const OPEN = bareScript(
  'open-ledger',
  { keys: ['identity'], args: ['generation'] },
  `
redis.call('HSETNX', identity, 'generation', generation)
return redis.call('HMGET', identity, ${FIELDS.map((field) => `'${field}'`).join(', ')})
`,
)

/**
 * A connection to one particular ledger of an org. It keeps the identity found when the process
 * first needs it, and every script compares that with the current one.
 */
export class LedgerConnection {
  readonly redis: RedisClient
  readonly key: string
  readonly #org: string
  /** Resolves once another ledger was found; from then on every call is refused. */
  readonly replaced: Promise<LedgerReplacedError>
  #resolveReplaced: (error: LedgerReplacedError) => void = () => {}
  #kept: LedgerIdentity | null = null
  #opening: Promise<LedgerIdentity> | null = null
  #trouble: LedgerReplacedError | null = null

  constructor(redis: RedisClient, { identity, org }: Pick<OrgKeys, 'identity' | 'org'>) {
    this.redis = redis
    this.key = identity
    this.#org = org
    this.replaced = new Promise((resolve) => {
      this.#resolveReplaced = resolve
    })
  }

  /** The error, if another ledger was found. */
  get trouble(): LedgerReplacedError | null {
    return this.#trouble
  }

  /**
   * The identity that this process works with; a ledger without one gets it.
   *
   * @throws LedgerReplacedError if another one was found since
   */
  async identity(): Promise<LedgerIdentity> {
    if (this.#trouble !== null) throw this.#trouble
    if (this.#kept !== null) return this.#kept
    this.#opening ??= this.#open()
    try {
      return await this.#opening
    } finally {
      this.#opening = null
    }
  }

  /**
   * Reads and compares the identity, for callers that act on what they read without a script. Null
   * if the ledger has none and this process has not opened it: reading creates nothing.
   *
   * @throws LedgerReplacedError
   */
  async verify(): Promise<LedgerIdentity | null> {
    if (this.#trouble !== null) throw this.#trouble
    const found = identityIn(await this.redis.hmget(this.key, ...FIELDS))
    if (this.#kept !== null && found?.generation !== this.#kept.generation)
      throw this.#refuse(found)
    if (found !== null) this.#kept = found
    return found
  }

  /**
   * The value read, if it is from the ledger that this process opened. Both reads are sent before
   * either is answered, so the check costs no extra round trip.
   *
   * @throws LedgerReplacedError
   */
  async verified<T>(reading: Promise<T>): Promise<T> {
    const [, found] = await Promise.all([this.verify(), reading])
    return found
  }

  /**
   * The error of a script that found another ledger; null for any other error. The mismatch is
   * permanent.
   */
  mismatchIn(error: unknown): LedgerReplacedError | null {
    const found = error instanceof Error ? FOUND.exec(error.message) : null
    if (found === null) return null
    const [, generation = '', orgId = ''] = found
    return this.#refuse(
      generation === ''
        ? null
        : { generation, orgId: orgId || null, results: null, resultsAt: null },
    )
  }

  async #open(): Promise<LedgerIdentity> {
    const found = identityIn(
      await evaluateBare(this.redis, OPEN, { identity: this.key, generation: randomUUID() }),
    )
    if (found === null) throw new TypeError(`The ledger of org "${this.#org}" was not opened.`)
    // A reader may have kept an identity meanwhile.
    if (this.#kept !== null && found.generation !== this.#kept.generation) throw this.#refuse(found)
    this.#kept = found
    return found
  }

  #refuse(found: LedgerIdentity | null): LedgerReplacedError {
    if (this.#trouble !== null) return this.#trouble
    if (this.#kept === null) throw new TypeError('A ledger that was never opened was compared.')
    this.#trouble = new LedgerReplacedError(this.#org, this.#kept, found)
    this.#resolveReplaced(this.#trouble)
    return this.#trouble
  }
}

/**
 * Matches the error of a script's head, alone or wrapped in the text that Redis 6.2 adds to script
 * errors.
 */
const FOUND = new RegExp(`(?:^|-)${OTHER_LEDGER} \\[(\\S*) (\\S*)\\]`)

function identityIn(answer: unknown): LedgerIdentity | null {
  const [generation, orgId, results, resultsAt] = Array.isArray(answer) ? answer : []
  if (typeof generation !== 'string') return null
  return {
    generation,
    orgId: textOrNull(orgId),
    results: textOrNull(results),
    resultsAt: textOrNull(resultsAt),
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
