import { createReadStream, existsSync } from 'node:fs'
import { glob, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { measure } from '../measured-process.ts'
import { installed } from '../rivals.ts'
import { accessToken, type Login } from '../sandbox-process.ts'
import type { Peer, Run, Task } from './peer.ts'

export const SF_PROGRAM = join(installed('@salesforce/cli'), 'bin/run.js')
const SF = [execPath, SF_PROGRAM]
export const QUIET = {
  SF_DISABLE_TELEMETRY: 'true',
  SF_SKIP_NEW_VERSION_CHECK: 'true',
  SF_AUTOUPDATE_DISABLE: 'true',
  SF_DISABLE_DNS_CHECK: 'true',
  SF_USE_GENERIC_UNIX_KEYCHAIN: 'true',
  http_proxy: '',
  https_proxy: '',
}

/**
 * `sf data delete bulk --wait`, without `--json`, which would hold every row in memory once more. It
 * tells how many rows failed, and names none.
 */
export const sfWait: Peer = {
  name: 'sf data delete bulk --wait',
  isInstalled: () => existsSync(SF_PROGRAM),
  prepare: async (login, task) => deleteBulk(await logIn(login, task.folder), task),
}

/** What names the rows: its two CSV files. The delete before it is not measured. */
export const sfResults: Peer = {
  name: 'then sf data bulk results',
  isInstalled: () => existsSync(SF_PROGRAM),
  prepare: async (login, task) => {
    const env = await logIn(login, task.folder)
    const { stdout } = await measure(deleteBulk(env, task).command, env)
    const job = /750[0-9A-Za-z]{15}/.exec(stdout)?.[0] ?? 'none'
    return {
      command: [...SF, 'data', 'bulk', 'results', '--job-id', job, '--target-org', 'bench'],
      env,
      accounted: async () => {
        const files = await Array.fromAsync(glob(`${job}-*.csv`, { cwd: task.folder }))
        const rows = files.map((file) => countRows(join(task.folder, file)))
        return (await Promise.all(rows)).reduce((sum, count) => sum + count, 0)
      },
    }
  },
}

async function logIn(login: Login, folder: string): Promise<Record<string, string>> {
  const env = {
    ...QUIET,
    HOME: await mkdtemp(join(folder, 'sf-')),
    SF_ACCESS_TOKEN: await accessToken(login),
  }
  // The CLI lets plain http pass for localhost alone.
  const url = login.url.replace('127.0.0.1', 'localhost')
  const to = ['--instance-url', url, '--alias', 'bench', '--no-prompt']
  const { exit, stderr } = await measure([...SF, 'org', 'login', 'access-token', ...to], env)
  if (exit !== 0) throw new Error(`The sf CLI did not log in: ${stderr}`)
  return env
}

function deleteBulk(env: Record<string, string>, { csv }: Task): Run {
  const input = ['--sobject', 'Contact', '--file', csv, '--target-org', 'bench', '--wait', '30']
  return {
    command: [...SF, 'data', 'delete', 'bulk', ...input],
    env,
    accounted: async (stdout) => lastNumber(stdout, 'Successful') + lastNumber(stdout, 'Failed'),
  }
}

/** The screen is drawn again and again; the last of it counts. */
function lastNumber(stdout: string, what: string): number {
  return Number([...stdout.matchAll(new RegExp(`${what} records: (\\d+)`, 'g'))].at(-1)?.[1] ?? 0)
}

async function countRows(path: string): Promise<number> {
  let lines = 0
  for await (const block of createReadStream(path)) {
    for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) lines++
  }
  return Math.max(0, lines - 1)
}
