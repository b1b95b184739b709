import { z } from 'zod'

/** A number, or the same as text, as some gateways write it: `12` and `"12"`. */
export const numberField: z.ZodType<number> = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value),
  z.number(),
)
