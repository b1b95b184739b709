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

/**
 * Lua: `sign(request, field, actor, reason)` notes who did it, once; without an actor nobody has.
 */
export const SIGN = `
local function sign(request, field, actor, reason)
  if actor == '' then return end
  local time = redis.call('TIME')
  local at = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local act = { actor = actor, at = string.format('%.0f', at), reason = reason ~= '' and reason or cjson.null }
  redis.call('HSETNX', request, field, cjson.encode(act))
end
`

/** The arguments that the script's `sign` is given. */
export function signatureArgs(by: Signature | null | undefined): readonly [string, string] {
  return [by?.actor ?? '', by?.reason ?? '']
}

const storedSchema = z.object({
  actor: z.string(),
  at: z.coerce.number().int(),
  reason: z.string().nullable(),
})

/** As `sign` has written it. */
export function parseSignedAct(json: string | undefined): SignedAct | null {
  if (json === undefined) return null
  const { actor, at, reason } = storedSchema.parse(JSON.parse(json))
  return { actor, at: new Date(at).toISOString(), reason }
}
