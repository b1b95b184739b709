import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PYTHON } from '../rivals.ts'
import { accessToken } from '../sandbox-process.ts'
import type { Peer } from './peer.ts'

const PROGRAM = fileURLToPath(new URL('simple-salesforce.py', import.meta.url))

export const simpleSalesforce: Peer = {
  name: 'simple-salesforce',
  isInstalled: () => existsSync(PYTHON),
  prepare: async (login, { csv }) => ({
    command: [PYTHON, PROGRAM, csv],
    env: { INSTANCE_URL: login.url, ACCESS_TOKEN: await accessToken(login) },
    accounted: async (stdout) => Number(stdout),
  }),
}
