import { z } from 'zod'

/** Who did something to a request that is not undone, and why. */
export interface SignedAct {
  /** Name of the HTTP key, `cli`, or what a program calls itself. */
  readonly actor: string
  /** RFC 3339, by the clock of Redis. */
  readonly at: string
  readonly reason: string | null
}

/** Who is doing it. */
export type Signature = Pick<SignedAct, 'actor' | 'reason'>

export const signedActSchema: z.ZodType<SignedAct> = z.object({
  actor: z.string(),
  at: z.string(),
  reason: z.string().nullable(),
})
