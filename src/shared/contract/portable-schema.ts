import { z } from 'zod'

/**
 * Keeps published JSON Schemas readable for every tool.
 *
 * A pattern of a published schema is compiled by whatever engine its reader has: JavaScript with and
 * without the `u` flag, Python, Java, .NET, RE2 (Go, Rust). Patterns are therefore limited to literals,
 * character classes, groups, bounded repetition, `^`, `$` and `\xHH`. They use none of `\d`, `\s` and
 * `\w` (ASCII in one engine, Unicode in another), `\p{…}` and `\uHHHH` (unknown to some) or lookaround
 * (unknown to RE2). One difference remains: in Python and Java `$` also matches before a final line
 * break. The service refuses such text.
 */

/**
 * Text of so many characters, counted as JSON Schema counts them: by code point, not by UTF-16 unit.
 *
 * @param notText the message for a value that is no text
 */
export function boundedText(most: number, least = 0, notText?: string): z.ZodString {
  const text = least === 0 ? z.string(notText) : z.string(notText).min(least)
  return text
    .refine((text) => text.length <= most || Array.from(text).length <= most, {
      message: `Too big: expected string to have <=${most} characters`,
    })
    .meta({ maxLength: most })
}

/** An integer that does not fit into 32 bits needs a format; generators assume 32 otherwise. */
const INT32_MAX = 2 ** 31 - 1

interface MutableSchema {
  type?: unknown
  format?: unknown
  pattern?: unknown
  readOnly?: unknown
  maximum?: unknown
}

/** Changes a schema node as zod writes it. To be used as the `override` of `z.toJSONSchema`. */
export function portable(schema: MutableSchema): void {
  // In TypeScript a list is read-only; in JSON Schema that means "not to be sent".
  delete schema.readOnly
  // Generated models parse a date-time before they check it, and fail to match a pattern against it.
  if (schema.format === 'date-time') delete schema.pattern
  if (schema.type === 'integer' && Number(schema.maximum ?? 0) > INT32_MAX) schema.format = 'int64'
}
