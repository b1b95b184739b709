import { visible } from './visible.ts'

/** What a log line must not hold, known by the name of its field or by its form. */

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
 * Words with which a sentence goes on after a colon: Salesforce says "password: The password has
 * expired". A list, because a guess by form would let a password of letters pass.
 */
const PROSE = new Set(
  (
    'a an access and assertion authentication authorization be can cannot client contains credentials does ' +
    'field for has have if in incorrect is it length may missing must new no not old one only or our ' +
    'password please policy required reset secret should that the this to token too unable user value ' +
    'was we were what when will you your'
  ).split(' '),
)
/** Those with which it may end as well. */
const VERDICTS = new Set(['expired', 'invalid', 'incorrect', 'missing', 'rejected', 'required'])

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

/** Whether a value is a word of a sentence, by the word and by what follows it. */
function goesOn(value: string, rest: string): boolean {
  const word = value.toLowerCase().replace(/[.;:!?]+$/, '')
  return VERDICTS.has(word) || (PROSE.has(word) && /^\s+[a-z]/i.test(rest))
}

/** What a server writes in an error body may quote what we sent: struck out of every message. */
const SENSITIVE: readonly (readonly [form: RegExp, instead: string])[] = [
  [SESSION, '[token]'],
  [JSON_WEB_TOKEN, '[token]'],
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
