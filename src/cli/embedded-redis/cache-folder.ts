import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Env } from './redis-version.ts'

/**
 * Where Expunge keeps what it can fetch or make again: `$XDG_CACHE_HOME`, else `~/.cache` (XDG Base
 * Directory Specification, which has relative paths ignored). What lies there is run as a program,
 * so it must be a private directory before it is used.
 */
export function cacheFolder(env: Env): string {
  const set = env['XDG_CACHE_HOME'] ?? ''
  const base = isAbsolute(set) ? set : join(env['HOME'] || homedir(), '.cache')
  return join(base, 'expunge')
}
