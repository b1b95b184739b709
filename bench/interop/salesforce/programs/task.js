// What a program is given, and how it reports: facts, as one line of JSON. Programs are plain
// JavaScript, because the repository's type check has to pass where the clients are not installed.
import { argv, env } from 'node:process'

/** `{ url, token, clientId, clientSecret, refreshToken, username, keyFile, csv }` */
export const task = JSON.parse(env.INTEROP_TASK)

/** Which package, where a program serves more than one. */
export const [, , packageName] = argv

export function report(facts) {
  console.log(JSON.stringify(facts))
}
