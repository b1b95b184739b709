import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { measure } from '../../measured-process.ts'
import { accessToken } from '../../sandbox-process.ts'
import type { Client, Facts, Task } from './client.ts'

const factsSchema = z.record(z.string(), z.unknown())

/** Runs one of the programs beside this file, each of which drives a library. */
export function program(name: string, ...args: readonly string[]): Client['attempt'] {
  return async (task) => {
    const path = fileURLToPath(new URL(`programs/${name}.js`, import.meta.url))
    const env = {
      HOME: task.folder,
      SF_USE_GENERIC_UNIX_KEYCHAIN: 'true',
      SF_DISABLE_DNS_CHECK: 'true',
      INTEROP_TASK: JSON.stringify(await describe(task)),
    }
    const { stdout, stderr, exit } = await measure([execPath, path, ...args], env, task.folder)
    if (exit !== 0) throw new Error(`exit ${exit}: ${stderr.trim().slice(-400)}`)
    return factsSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
  }
}

async function describe({ sandbox, ...task }: Task): Promise<Facts> {
  const { url, clientId, clientSecret, orgId } = sandbox
  const token = await accessToken(sandbox)
  return { ...task, url, token, clientId, clientSecret, orgId, refreshToken: 'sandbox-refresh' }
}
