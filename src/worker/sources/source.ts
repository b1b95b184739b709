/** Where the ids of a request come from. */
export interface Source {
  /** What it is called in messages; never a secret. */
  describe(): string
  /**
   * The bytes, once, in order, with back-pressure. Leaving the loop early closes whatever is open;
   * what goes wrong is thrown into the loop, the signal's reason among it.
   */
  open(signal?: AbortSignal): AsyncIterable<Uint8Array>
}
