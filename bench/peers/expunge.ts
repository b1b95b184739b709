import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { z } from 'zod'
import { DIST, type Login, SOURCES } from '../sandbox-process.ts'
import type { Peer, Run, Task } from './peer.ts'

const receiptSchema = z.object({
  outcome: z.object({
    deleted: z.number(),
    alreadyGone: z.number(),
    failed: z.number(),
    unprocessed: z.number(),
  }),
})

export const expungeFromSources: Peer = {
  name: 'expunge run (sources)',
  isInstalled: () => true,
  prepare: async (login, task) => expungeRun(SOURCES, login, task),
}

export const expungeBuilt: Peer = {
  name: 'expunge run (dist)',
  isInstalled: () => existsSync(DIST),
  prepare: async (login, task) => expungeRun(DIST, login, task),
}

/** `expunge run` with an embedded Redis. `unprocessed` rows got no verdict of Salesforce's. */
export function expungeRun(
  main: string,
  login: Login,
  { csv, folder }: Task,
  { canary = false }: { readonly canary?: boolean } = {},
): Run {
  const input = ['--object', 'Contact', '--csv', csv, '--max-records', '100000000']
  // Where all rows fail the brake would rightly stop the run.
  const brake = ['--max-failure-ratio', '1']
  const output = ['--yes', '--json', '--results', join(folder, 'results')]
  return {
    command: [execPath, main, 'run', ...input, ...brake, ...output],
    env: {
      EXPUNGE_HOME: join(folder, 'home'),
      // One job, as the peers send it.
      EXPUNGE_CANARY: canary ? '10000' : '0',
      SALESFORCE_LOGIN_URL: login.url,
      SALESFORCE_CLIENT_ID: login.clientId,
      SALESFORCE_CLIENT_SECRET: login.clientSecret,
    },
    accounted: async (stdout) => {
      const { outcome } = receiptSchema.parse(JSON.parse(stdout))
      return outcome.deleted + outcome.alreadyGone + outcome.failed
    },
  }
}
