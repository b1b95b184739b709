import { hostname, userInfo } from 'node:os'

/** Who uses the command line, for receipts: `alice@host`. Nobody has verified the name. */
export function actorOf(env: NodeJS.ProcessEnv): string {
  return `${userName(env)}@${hostname()}`
}

function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under an id that has no name.
    return env['USER'] || 'unknown'
  }
}
