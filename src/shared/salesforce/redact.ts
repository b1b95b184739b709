/**
 * What Salesforce writes in an error body may quote what we sent. These forms are struck out of
 * every text before it enters a message.
 */
const SENSITIVE: readonly (readonly [form: RegExp, instead: string])[] = [
  [/\b00D[0-9A-Za-z]{9,15}![^\s"'<>&]+/g, '[token]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]'],
  // In prose: "the Bearer token is invalid", "Bearer authentication failed".
  [/\bBearer\s+(?!(?:tokens?|authentication|authorization)\b)[^\s"'<>]+/gi, 'Bearer [token]'],
  [/\/\/[^\s/@]+@/g, '//'],
  [/[^\s@"'<>]+@[^\s@"'<>]+\.[^\s@"'<>]+/g, '[address]'],
]

// Anything that could be a record id, digits among its characters; jobs (750) and orgs (00D) may
// be named.
const RECORD_ID = /\b(?!750|00D)(?=[A-Za-z]*\d)[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\b/g

/** Longer texts are cut: an HTML page adds nothing past its first lines. */
const MAX_LENGTH = 300

/** A foreign text fit for a message: one line, clipped, without tokens, addresses or record ids. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let clean = text
  for (const secret of secrets) {
    if (secret !== '') clean = clean.replaceAll(secret, '[secret]')
  }
  for (const [form, instead] of SENSITIVE) clean = clean.replace(form, instead)
  clean = clean.replace(RECORD_ID, '[id]').replace(/\s+/g, ' ').trim()
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean
}
