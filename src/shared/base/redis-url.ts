/** What a Redis URL may say: a server, a login, a database. */

const EXPECTED =
  'expected redis://host:6379 or rediss://host:6379 (nothing but a database number behind it, special characters in the password percent-encoded)'

/**
 * What is wrong with a Redis URL, without quoting it: it may hold a password. Null where it is one.
 *
 * A query is refused. ioredis takes each of its own options there: `keyPrefix` would lead some
 * commands to other keys than the scripts, `db` and `password` would say a second time what the URL
 * says already.
 */
export function redisUrlProblem(text: string): string | null {
  const parsed = parseRedisUrl(text)
  // The parser of URLs drops line breaks and tabs without a word.
  if (parsed === undefined || /[\s#]/.test(text)) {
    return `${EXPECTED}, got something else (not shown: it may hold a secret).`
  }
  if (!text.includes('?')) return null
  const names = [...new Set(new URL(text).searchParams.keys())].map((name) => `?${name}=`)
  return (
    `${EXPECTED}, got the options ${names.join(' and ') || '?'} behind it, none of which is taken there. ` +
    'Name the database as in redis://host:6379/1, TLS by rediss://, user and password before the host.'
  )
}

/**
 * A Redis URL, and the same without its password and options, fit to be shown.
 *
 * @returns undefined where it is none: another scheme, no host, a path that is no database number
 */
export function parseRedisUrl(text: string): { url: string; shown: string } | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, username, password, host, hostname, pathname } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:') return undefined
  if (hostname === '' || !/^\/?\d*$/.test(pathname)) return undefined
  const login = username === '' && password === '' ? '' : `${username}:***@`
  return { url: text, shown: `${protocol}//${login}${host}${pathname}` }
}
