import { z } from 'zod'
import type { Signature, SignedAct } from '../../contract/receipt.ts'

/**
 * Lua: `sign(request, field, actor, reason)` records who acted, once. Without an actor it records
 * nothing.
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

/** The arguments for the script's `sign`. */
export function signatureArgs(by: Signature | null | undefined) {
  return { actor: by?.actor ?? '', reason: by?.reason ?? '' }
}

const storedSchema = z.object({
  actor: z.string(),
  at: z.coerce.number().int(),
  reason: z.string().nullable(),
})

/** Parses what `sign` wrote. */
export function parseSignedAct(json: string | undefined): SignedAct | null {
  if (json === undefined) return null
  const { actor, at, reason } = storedSchema.parse(JSON.parse(json))
  return { actor, at: new Date(at).toISOString(), reason }
}
