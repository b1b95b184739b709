/**
 * Clients that others wrote, each run whole against a sandbox of its own: what they report is held
 * against what the sandbox did. Prints a table; exits 1 where anything differs.
 *
 *   npm --prefix bench install --ignore-scripts
 *   node bench/interop/salesforce.ts [package, default all of them]
 */

import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process, { argv } from 'node:process'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { writeIdFile } from '../id-file.ts'
import type { Client, Facts, Task } from './salesforce/client.ts'
import { CLIENTS } from './salesforce/clients.ts'

const RECORDS = 40
/** Each fourth record of the first job is refused. */
const isRefused = (_: string, at: number) => at % 4 === 0
const USERNAME = 'integration@sandbox.example'

const only = argv[2]
const root = await mkdtemp(join(tmpdir(), 'expunge-interop-'))
try {
  console.log('| client | version | what | result |\n|---|---|---|---|')
  for (const client of CLIENTS) {
    if (only !== undefined && only !== client.package) continue
    const version = await versionOf(client)
    for (const [what, result] of await tried(client)) {
      if (result !== 'passes') process.exitCode = 1
      console.log(`| ${client.name} | ${version} | ${what} | ${result} |`)
    }
  }
} finally {
  await rm(root, { recursive: true, force: true })
}

async function versionOf({ package: name }: Client): Promise<string> {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  const json: unknown = JSON.parse(await readFile(manifest, 'utf8'))
  return z.object({ version: z.string() }).parse(json).version
}

/** One line for each fact, and one for what the sandbox saw. */
async function tried(client: Client): Promise<readonly (readonly [string, string])[]> {
  const folder = await mkdtemp(join(root, 'client-'))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const sandbox = await startSandbox({ jwtPublicKey: publicKey, username: USERNAME })
  try {
    const task = await prepare(folder, privateKey.export({ type: 'pkcs8', format: 'pem' }), sandbox)
    const facts = await client.attempt(task)
    return [...compared(facts, client.expected(task)), ['what the org saw', seen(client, task)]]
  } catch (error) {
    return [['run', `fails: ${error instanceof Error ? error.message : error}`]]
  } finally {
    await sandbox.close()
  }
}

async function prepare(folder: string, key: string | Buffer, sandbox: Sandbox): Promise<Task> {
  const paths = { csv: join(folder, 'ids.csv'), nextCsv: join(folder, 'next.csv') }
  const keyFile = join(folder, 'key.pem')
  await writeFile(keyFile, key)
  await writeIdFile(paths.csv, RECORDS)
  await writeIdFile(paths.nextCsv, RECORDS, (n) => n + RECORDS)
  const ids = (await readFile(paths.csv, 'utf8')).trimEnd().split('\n').slice(1)
  const refused = ids.filter(isRefused)
  const deleted = ids.filter((id) => !refused.includes(id))
  sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: refused }] })
  const leads = [0, 1, 2].map((n) => to18(`00Q5f000000000${n}`))
  const queryOfLeads =
    'SELECT Id FROM Lead WHERE LastActivityDate > LAST_N_DAYS:3 OR Id != null LIMIT 3'
  return {
    leads,
    queryOfLeads,
    sandbox,
    ...paths,
    next: RECORDS,
    keyFile,
    folder,
    username: USERNAME,
    deleted,
    refused,
  }
}

function compared(facts: Facts, expected: Facts): (readonly [string, string])[] {
  return Object.entries(expected).map(([what, value]) => {
    const got = facts[what]
    if (isDeepStrictEqual(got, value)) return [what, 'passes'] as const
    return [what, `differs: expected ${shown(value)}, got ${shown(got)}`] as const
  })
}

const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 200) ?? 'nothing'

/** Each record has the verdict that it should, and nothing was done that no client may do. */
function seen({ permits = [] }: Client, { sandbox, deleted, refused }: Task): string {
  const { referee } = sandbox
  const verdicts = (ids: readonly string[]) => [
    ...new Set(ids.flatMap(referee.verdictsOf, referee)),
  ]
  const judged = { deleted: verdicts(deleted), refused: verdicts(refused) }
  const right = { deleted: ['DELETED'], refused: ['DELETE_FAILED'] }
  if (!isDeepStrictEqual(judged, right)) return `differs: ${shown(judged)}`
  const breaches = referee.stats().violations.filter(({ code }) => !permits.includes(code))
  return breaches.length === 0 ? 'passes' : `differs: ${shown(breaches)}`
}
