import { z } from 'zod'
import { canonicalId, to18 } from '../contract/record-id.ts'

/** A number, or the same as text, as some gateways write it: `12` and `"12"`. */
export const numberField: z.ZodType<number> = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value),
  z.number(),
)

/** An org id in its 18 characters, from either form; undefined where the text is none. */
export function canonicalOrgId(text: string): string | undefined {
  const id15 = canonicalId(text)
  return id15?.startsWith('00D') ? to18(id15) : undefined
}

/** The same of a field of an answer. */
export const orgIdField: z.ZodType<string> = z.string().transform((text, context) => {
  const orgId = canonicalOrgId(text)
  if (orgId !== undefined) return orgId
  context.addIssue({ code: 'custom', message: 'expected an org id, 00D…' })
  return z.NEVER
})
