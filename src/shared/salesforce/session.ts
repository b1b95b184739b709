import type { Clock } from '../base/clock.ts'
import { raceAbort } from '../base/race.ts'
import { SalesforceError } from './errors.ts'

/** Where to call, and the token that opens it. */
export interface Access {
  /** Origin of the API, from the token answer: it may differ from the login host. */
  readonly instanceUrl: URL
  readonly token: string
}

/** The one login that all calls of a process share. */
export interface Session<A extends Access = Access> {
  /** The present access; the first call logs in. */
  access(signal?: AbortSignal): Promise<A>
  /**
   * A newer access than the one that was refused. Whoever comes with an old one gets what is there
   * by now, and all who come at once share one login. Null where a login a moment ago has given an
   * access that nothing has accepted since: another one would fare no better.
   */
  renew(refused: Access, signal?: AbortSignal): Promise<A | null>
  /**
   * A newer access than one whose host may no longer be the org's; null where there is none. It is
   * logged in for after a few doubts in a row, then once a minute at most.
   */
  doubt(doubted: Access, signal?: AbortSignal): Promise<A | null>
  /** The API itself has answered: host and token are right. */
  confirm(access: Access): void
}

/** One answer of a proxy, or one connection that is refused, is no reason to log in. */
const DOUBTS = 3
/** Between two logins for a doubt: an outage looks like an org that has moved. */
const DOUBT_EVERY_MS = 60_000
/** Between two logins where the first one's token is refused at once. */
const RENEW_EVERY_MS = 10_000

/**
 * @param login gets an access from Salesforce; told what was refused, where something was. It runs
 *   under no caller's signal, for others may wait for it too.
 */
export function createSession<A extends Access>(
  login: (refused: Access | undefined) => Promise<A>,
  clock: Clock,
): Session<A> {
  let current: A | undefined
  let pending: Promise<A> | undefined
  let doubts = 0
  let nextForDoubt = Number.NEGATIVE_INFINITY
  /** Until then a refusal is no reason to log in again; an answer of the API ends that. */
  let nextForRefusal = Number.NEGATIVE_INFINITY

  const renewed = (): Promise<A> => {
    pending ??= login(current)
      .then((access) => {
        current = access
        doubts = 0
        return access
      })
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  const isDoubtDue = (): boolean => {
    const now = clock.now()
    if (++doubts < DOUBTS || now < nextForDoubt) return false
    nextForDoubt = now + DOUBT_EVERY_MS
    return true
  }

  return {
    access: async (signal) => current ?? raceAbort(renewed(), signal),
    // Compared as objects: Salesforce may well hand out the same token text twice.
    async renew(refused, signal) {
      if (current !== undefined && current !== refused) return current
      if (pending === undefined && clock.now() < nextForRefusal) return null
      const access = await raceAbort(renewed(), signal)
      nextForRefusal = clock.now() + RENEW_EVERY_MS
      return access
    },
    async doubt(doubted, signal) {
      if (current !== doubted) return current ?? null
      if (pending === undefined && !isDoubtDue()) return null
      try {
        return await raceAbort(renewed(), signal)
      } catch (error) {
        if (isNoNews(error)) return null
        throw error
      }
    },
    confirm(access) {
      if (current !== access) return
      doubts = 0
      nextForRefusal = Number.NEGATIVE_INFINITY
    },
  }
}

/**
 * The login meets the same outage, or there is no other token to log in with: what the call itself
 * met says more. A login that is refused, or leads to another org, is news.
 */
function isNoNews(error: unknown): boolean {
  if (!(error instanceof SalesforceError)) return false
  return error.transient || error.httpStatus === null || error.code === 'INVALID_SESSION_ID'
}
