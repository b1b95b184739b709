/** Redis URLs: a server, a login, a database number. */

const EXPECTED =
  'expected redis://host:6379 or rediss://host:6379 (nothing but a database number behind it, special characters in the password percent-encoded)'

/**
 * What is wrong with a Redis URL, or null. The URL is not quoted, because it may hold a password.
 *
 * A query string is refused. ioredis would read any of its options from it: with `keyPrefix`, commands
 * and scripts would use different keys; `db` and `password` may contradict the rest of the URL.
 */
export function redisUrlProblem(text: string): string | null {
  const parsed = parseRedisUrl(text)
  // The URL parser silently drops line breaks and tabs.
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
 * A Redis URL, and its form to show, without password and options.
 *
 * @returns undefined if it is not a Redis URL: other scheme, no host, or a path that is no number
 */
export function parseRedisUrl(text: string): { url: string; shown: string } | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, username, password, host, hostname, pathname } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:') return undefined
  if (hostname === '' || !/^\/?\d*$/.test(pathname)) return undefined
  const login = username === '' && password === '' ? '' : `${username}:***@`
  return { url: text, shown: `${protocol}//${login}${host}${pathname}` }
}
