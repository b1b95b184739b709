import type { Clock } from '../base/clock.ts'
import { raceAbort } from '../base/race.ts'
import { SalesforceError } from './errors.ts'

/** The API's address and an access token for it. */
export interface Access {
  /** Origin of the API, from the token answer: it may differ from the login host. */
  readonly instanceUrl: URL
  readonly token: string
}

/** The login that all calls of a process share. */
export interface Session<A extends Access = Access> {
  /** The current access; the first call logs in. */
  access(signal?: AbortSignal): Promise<A>
  /**
   * A newer access than the refused one. A caller with an old access gets the current one, and
   * concurrent callers share one login. Null if a recent login gave an access that nothing has
   * accepted since: another login would not help.
   */
  renew(refused: Access, signal?: AbortSignal): Promise<A | null>
  /**
   * A newer access than one whose host may no longer be the org's; null if there is none. Logs in
   * after a few consecutive doubts, then at most once a minute.
   */
  doubt(doubted: Access, signal?: AbortSignal): Promise<A | null>
  /** The API itself answered: host and token are right. */
  confirm(access: Access): void
}

/** A single answer of a proxy, or a single refused connection, does not justify a login. */
const DOUBTS = 3
/** Interval between two logins because of doubts: an outage looks like an org that has moved. */
const DOUBT_EVERY_MS = 60_000
/** Interval between two logins if the first one's token is refused at once. */
const RENEW_EVERY_MS = 10_000

/**
 * @param login gets an access from Salesforce; receives the refused one, if any. It does not use a
 *   caller's signal, because others may wait for it too.
 */
export function createSession<A extends Access>(
  login: (refused: Access | undefined) => Promise<A>,
  clock: Clock,
): Session<A> {
  let current: A | undefined
  let pending: Promise<A> | undefined
  let doubts = 0
  let nextForDoubt = Number.NEGATIVE_INFINITY
  /** Until then a refusal does not cause another login; an answer of the API resets this. */
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
    // Compared as objects: Salesforce may return the same token text twice.
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
 * The login met the same outage, or there is no other token: then the call's own error says more. A
 * refused login, or one to another org, is reported.
 */
function isNoNews(error: unknown): boolean {
  if (!(error instanceof SalesforceError)) return false
  return error.transient || error.httpStatus === null || error.code === 'INVALID_SESSION_ID'
}
