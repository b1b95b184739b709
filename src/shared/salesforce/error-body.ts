import { z } from 'zod'

/** What an error answer says, whichever of its forms it came in. */
export interface ErrorBody {
  /** Salesforce's `errorCode` or OAuth's `error`; null where the body is not Salesforce's JSON. */
  readonly code: string | null
  readonly message: string
  /** The body was a page of HTML: a front end or a proxy answered, not the API. */
  readonly html: boolean
}

const apiError = z.object({ errorCode: z.string(), message: z.string().nullish() })
const oauthError = z.object({ error: z.string(), error_description: z.string().nullish() })

const errorJson = z.union([
  z.tuple([apiError], z.unknown()).transform((errors) => errors[0]),
  apiError,
  oauthError.transform(({ error, error_description }) => ({
    errorCode: error,
    message: error_description,
  })),
])

/**
 * Reads an error body in any form seen in the field: an array of errors, a bare error, the OAuth
 * object, HTML, plain text, nothing at all, or any of these cut short.
 */
export function parseErrorBody(text: string): ErrorBody {
  const parsed = errorJson.safeParse(jsonOf(text))
  if (parsed.success) {
    return { code: parsed.data.errorCode, message: parsed.data.message ?? '', html: false }
  }
  const html = isPage(text)
  // A page's title and first paragraph say what its styles and scripts don't.
  const words = html
    ? text.replace(/<(style|script)\b.*?(<\/\1>|$)/gis, ' ').replace(/<[^>]*>?/g, ' ')
    : text
  return { code: null, message: words.trim(), html }
}

/** Whether a body is HTML, as no answer of the API is: by its first character, not by its header. */
export function isPage(text: string): boolean {
  return /^\uFEFF?\s*</.test(text)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
