import { existsSync } from 'node:fs'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from '../rivals.ts'
import { accessToken } from '../sandbox-process.ts'
import type { Peer } from './peer.ts'

const PROGRAM = fileURLToPath(new URL('jsforce.js', import.meta.url))

export const jsforceStream: Peer = {
  name: 'jsforce',
  isInstalled: () => existsSync(installed('jsforce')),
  prepare: async (login, { csv }) => ({
    command: [execPath, PROGRAM, csv],
    env: { INSTANCE_URL: login.url, ACCESS_TOKEN: await accessToken(login) },
    accounted: async (stdout) => Number(stdout),
  }),
}
