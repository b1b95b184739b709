import { visible } from './visible.ts'

/** What a log line must not hold, known by the name of its field or by its form. */

const STRUCK = '[redacted]'

/** Ends of field names, in any case, with or without `-` and `_`. */
const SECRET_NAME =
  /(?:token|secret|password|passphrase|authorization|assertion|credentials|cookie|privatekey|jwtkey|apikey)$/

/** Forms of secrets within a text. */
const SECRET_FORMS: readonly (readonly [form: RegExp, instead: string])[] = [
  // A session of Salesforce: the org's id, `!`, the rest.
  [/\b00D[0-9A-Za-z]{9,15}![\w.]+/g, STRUCK],
  // A JSON Web Token.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, STRUCK],
  // A key of the HTTP API.
  [/\bexpunge_[\w-]{43}/g, STRUCK],
  [/\b(Bearer|Basic)\s+[\w.~+/=!-]{8,}/gi, `$1 ${STRUCK}`],
  // redis://user:password@host, also where the password has an unescaped @ or / in it.
  [/(:\/\/[^\s:@/]*):\S+@/g, `$1:${STRUCK}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gs, STRUCK],
  // A form or JSON quoted in a text: client_secret=…, "access_token":"…".
  [
    /((?:access_?token|refresh_?token|client_?secret|assertion|password)\\?"?\s*[=:]\s*)(?!\[redacted])(\\?")?[^\s"\\&,]+/gi,
    `$1$2${STRUCK}`,
  ],
]

/**
 * A finished line of JSON without secrets, at whatever depth they stand. JSON escapes C0 controls
 * alone; the others are escaped here, for a log is read on a terminal.
 */
export function maskLine(line: string): string {
  return `${visible(JSON.stringify(JSON.parse(line, maskField)))}\n`
}

function maskField(name: string, value: unknown): unknown {
  if (value !== null && SECRET_NAME.test(name.toLowerCase().replaceAll(/[-_]/g, ''))) return STRUCK
  return typeof value === 'string' ? maskText(value) : value
}

/** A text without what looks like a secret. */
function maskText(text: string): string {
  return SECRET_FORMS.reduce((masked, [form, instead]) => masked.replace(form, instead), text)
}
