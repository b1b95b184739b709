import { unlessAborted } from '../unless-aborted.ts'

/** Where to call, and the token that opens it. */
export interface Access {
  /** Origin of the API, from the token answer: it may differ from the login host. */
  readonly instanceUrl: URL
  readonly token: string
}

/** One whose org is known. */
export interface IdentifiedAccess extends Access {
  /** 18 characters. */
  readonly orgId: string
}

/** The one login that all calls of a process share. */
export interface Session<A extends Access = Access> {
  /** The present access; the first call logs in. */
  access(signal?: AbortSignal): Promise<A>
  /**
   * A newer access than the one that was refused. Whoever comes with an old one gets what is there
   * by now, and all who come at once share one login.
   */
  renew(refused: Access, signal?: AbortSignal): Promise<A>
}

/**
 * @param login gets an access from Salesforce; told what was refused, where something was. It runs
 *   under no caller's signal, for others may wait for it too.
 */
export function createSession<A extends Access>(
  login: (refused: Access | undefined) => Promise<A>,
): Session<A> {
  let current: A | undefined
  let pending: Promise<A> | undefined

  const renewed = (): Promise<A> => {
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

/**
 * A session of one access that is not renewed: for asking whose token it is, before anybody else may
 * use it. A refusal is handed on as it came.
 */
export function soleSession<A extends Access>(access: A): Session<A> {
  return { access: async () => access, renew: async () => access }
}
