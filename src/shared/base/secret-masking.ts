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
