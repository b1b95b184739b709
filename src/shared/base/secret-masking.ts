import { visible } from './visible.ts'

/** Masks secrets in log lines and messages, by the name of a field or by the form of a text. */

const STRUCK = '[redacted]'

/** Ends of field names, in any case, with or without `-` and `_`. */
const SECRET_NAME =
  /(?:token|secret|password|passphrase|authorization|assertion|credentials|cookie|privatekey|jwtkey|apikey)$/

/** Tokens within a text: a session of Salesforce (the org's id, `!`, the rest), a JSON Web Token. */
const SESSION = /\b00D[0-9A-Za-z]{9,15}![^\s"'<>&]*[^\s"'<>&,;]/g
const JSON_WEB_TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g

/** Forms of secrets within a text. */
const SECRET_FORMS: readonly (readonly [form: RegExp, instead: string])[] = [
  [SESSION, STRUCK],
  [JSON_WEB_TOKEN, STRUCK],
  // A key of the HTTP API.
  [/\bexpunge_[\w-]{43}/g, STRUCK],
  // redis://user:password@host, also where the password has an unescaped @ or / in it.
  [/(:\/\/[^\s:@/]*):\S+@/g, `$1:${STRUCK}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gs, STRUCK],
]

/** `Authorization: Bearer …`, and in prose "Basic authentication is not supported". */
const AUTHORIZATION = /\b(Bearer|Basic)(\s+)([\w.~+/=!-]{8,})/gi

/** A form or JSON quoted in a text: `client_secret=…`, `"access_token":"…"`, `password: …`. */
const NAMED_SECRET =
  /((?:access_?token|refresh_?token|client_?secret|assertion|password)\\?"?\s*[=:]\s*)(?!\[redacted])(\\?"|)([^\s"\\&,]+)/gi

/**
 * Words that may continue a sentence after a colon: Salesforce writes "password: The password has
 * expired". A list, because a rule on the form would let a password of letters through.
 */
const PROSE = new Set(
  (
    'a an access and assertion authentication authorization be can cannot client contains credentials does ' +
    'field for has have if in incorrect is it length may missing must new no not old one only or our ' +
    'password please policy required reset secret should that the this to token too unable user value ' +
    'was we were what when will you your'
  ).split(' '),
)
/** Words that may also end such a sentence. */
const VERDICTS = new Set(['expired', 'invalid', 'incorrect', 'missing', 'rejected', 'required'])

/**
 * A finished JSON line with its secrets masked at any depth. JSON escapes only C0 controls; the other
 * control characters are escaped here, because logs are read on terminals.
 */
export function maskLine(line: string): string {
  return `${visible(JSON.stringify(JSON.parse(line, maskField)))}\n`
}

function maskField(name: string, value: unknown): unknown {
  if (value !== null && SECRET_NAME.test(name.toLowerCase().replaceAll(/[-_]/g, ''))) return STRUCK
  return typeof value === 'string' ? maskText(value) : value
}

/** A text with everything that looks like a secret masked. */
function maskText(text: string): string {
  return SECRET_FORMS.reduce((masked, [form, instead]) => masked.replace(form, instead), text)
    .replace(AUTHORIZATION, (all, scheme: string, _, value: string, at: number, whole: string) =>
      goesOn(value, whole.slice(at + all.length)) ? all : `${scheme} ${STRUCK}`,
    )
    .replace(
      NAMED_SECRET,
      (all, name: string, quote: string, value: string, at: number, whole: string) => {
        const isSentence = /\w:\s+$/.test(name) && quote === ''
        const isProse = isSentence && goesOn(value, whole.slice(at + all.length))
        return isProse ? all : `${name}${quote}${STRUCK}`
      },
    )
}

/** Whether a value is a word in a sentence, judged by the word and what follows it. */
function goesOn(value: string, rest: string): boolean {
  const word = value.toLowerCase().replace(/[.;:!?]+$/, '')
  return VERDICTS.has(word) || (PROSE.has(word) && /^\s+[a-z]/i.test(rest))
}

/** A server's error body may quote what we sent, so these are removed from every message. */
const SENSITIVE: readonly (readonly [form: RegExp, instead: string])[] = [
  [SESSION, '[token]'],
  [JSON_WEB_TOKEN, '[token]'],
  // In prose: "the Bearer token is invalid", "Bearer authentication failed".
  [/\bBearer\s+(?!(?:tokens?|authentication|authorization)\b)[^\s"'<>]+/gi, 'Bearer [token]'],
  [/\/\/[^\s/@]+@/g, '//'],
  [/[^\s@"'<>]+@[^\s@"'<>]+\.[^\s@"'<>]+/g, '[address]'],
]

// Anything that could be a record id (with at least one digit). Job ids (750) and org ids (00D) may
// be shown.
const RECORD_ID = /\b(?!750|00D)(?=[A-Za-z]*\d)[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\b/g

/** Longer texts are truncated: an HTML page says nothing useful past its first lines. */
const MAX_LENGTH = 300

/** A text from outside, fit for a message: one line, truncated, without tokens, addresses, ids. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let clean = text
  for (const secret of secrets) {
    if (secret !== '') clean = clean.replaceAll(secret, '[secret]')
  }
  for (const [form, instead] of SENSITIVE) clean = clean.replace(form, instead)
  clean = clean.replace(RECORD_ID, '[id]').replace(/\s+/g, ' ').trim()
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean
}
