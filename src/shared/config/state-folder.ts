import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Variables } from './environment.ts'

/**
 * The folder for what must outlive a restart and is no document of the user's: `$XDG_STATE_HOME`,
 * else `~/.local/state` (XDG Base Directory Specification, which has relative paths ignored).
 */
export function stateFolder(env: Variables): string {
  const state = env['XDG_STATE_HOME'] ?? ''
  const base = isAbsolute(state) ? state : join(env['HOME'] || homedir(), '.local', 'state')
  return join(base, 'expunge')
}
