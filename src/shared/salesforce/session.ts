import { unlessAborted } from '../unless-aborted.ts'

/** Where to call, and the token that opens it. */
export interface Access {
  /** Origin of the API, from the token answer: it may differ from the login host. */
  readonly instanceUrl: URL
  readonly token: string
}

/** The one login that all calls of a process share. */
export interface Session {
  /** The present access; the first call logs in. */
  access(signal?: AbortSignal): Promise<Access>
  /**
   * A newer access than the one that was refused. Whoever comes with an old one gets what is there
   * by now, and all who come at once share one login.
   */
  renew(refused: Access, signal?: AbortSignal): Promise<Access>
}

/**
 * @param login gets an access from Salesforce; told what was refused, where something was. It runs
 *   under no caller's signal, for others may wait for it too.
 */
export function createSession(login: (refused: Access | undefined) => Promise<Access>): Session {
  let current: Access | undefined
  let pending: Promise<Access> | undefined

  const renewed = (): Promise<Access> => {
    pending ??= login(current)
      .then((access) => {
        current = access
        return access
      })
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  return {
    access: async (signal) => current ?? unlessAborted(renewed(), signal),
    // Compared as objects: Salesforce may well hand out the same token text twice.
    renew: async (refused, signal) =>
      current === undefined || current === refused ? unlessAborted(renewed(), signal) : current,
  }
}
