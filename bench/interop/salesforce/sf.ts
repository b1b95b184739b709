import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { measure } from '../../measured-process.ts'
import { QUIET } from '../../peers/sf.ts'
import type { Client, Facts, Task } from './client.ts'

const MAIN = fileURLToPath(
  new URL('../../node_modules/@salesforce/cli/bin/run.js', import.meta.url),
)

const login = z.object({ orgId: z.string(), username: z.string(), instanceApiVersion: z.string() })
const display = z.object({ id: z.string(), connectedStatus: z.string() })
const job = z.object({
  jobInfo: z.object({ id: z.string(), state: z.string(), numberRecordsProcessed: z.number() }),
  records: z.object({ successfulResults: z.array(z.object({ sf__Id: z.string() })) }),
})
const counts = z.object({
  processedRecords: z.number(),
  successfulRecords: z.number(),
  failedRecords: z.number(),
})
const query = z.object({ totalSize: z.number() })
const limits = z.array(z.object({ name: z.string(), max: z.number() }))
/** How a delete ends that waits for its job, where rows failed. */
const refusal = z.object({
  name: z.literal('FailedRecordDetailsError'),
  data: z.object({ jobId: z.string(), state: z.string() }),
})

/** The sf CLI, command by command: what it prints with `--json`, and the files it writes. */
export const sfCli: Client = {
  name: 'sf CLI',
  package: '@salesforce/cli',
  attempt: drive,
  expected: ({ sandbox, username, deleted, refused, next, leads }) => ({
    'org login jwt': [sandbox.orgId, username, '68.0'],
    'org display': [sandbox.orgId, 'Connected'],
    'data delete bulk --wait': 'JobComplete',
    'data bulk results': [deleted.length + refused.length, deleted.length, refused.length],
    'result files': ['failed-records.csv', 'success-records.csv'],
    'data delete bulk, data delete resume': ['JobComplete', next],
    'data query': 1,
    'data query --all-rows': deleted.length,
    'data export bulk': leads,
    'org list limits': 15_000,
  }),
  permits: ['NO_CONTENT_LENGTH'],
}

async function drive(task: Task): Promise<Facts> {
  const { sandbox, csv, nextCsv, keyFile, username, deleted, folder } = task
  const sf = commands(task)
  // The CLI lets plain http pass for localhost alone.
  const url = sandbox.url.replace('127.0.0.1', 'localhost')
  const app = ['--client-id', sandbox.clientId, '--jwt-key-file', keyFile]
  const to = ['--username', username, '--instance-url', url, '--alias', 'interop', '--set-default']
  const user = await sf(resultOf(login), 'org', 'login', 'jwt', ...app, ...to)
  const org = await sf(resultOf(display), 'org', 'display')

  const contacts = ['data', 'delete', 'bulk', '--sobject', 'Contact', '--line-ending', 'LF']
  const { data: waited } = await sf(refusal, ...contacts, '--file', csv, '--wait', '5')
  const counted = await sf(resultOf(counts), 'data', 'bulk', 'results', '--job-id', waited.jobId)
  const written = await readdir(folder)
  const started = await sf(resultOf(job), ...contacts, '--file', nextCsv)
  const id = started.jobInfo.id
  const resumed = await sf(resultOf(job), 'data', 'delete', 'resume', '--job-id', id, '--wait', '5')

  const about = 'SELECT Id FROM Organization'
  const rows = `SELECT Id, IsDeleted FROM Contact WHERE Id IN (${deleted.map((one) => `'${one}'`)})`
  const live = await sf(resultOf(query), 'data', 'query', '--query', about)
  const all = await sf(resultOf(query), 'data', 'query', '--all-rows', '--query', rows)
  const file = join(folder, 'leads.csv')
  const into = ['--output-file', file, '--result-format', 'csv', '--wait', '5']
  await sf(resultOf(z.unknown()), 'data', 'export', 'bulk', '--query', task.queryOfLeads, ...into)
  const [, ...exported] = (await readFile(file, 'utf8')).trim().replaceAll('"', '').split('\n')
  const allowances = await sf(resultOf(limits), 'org', 'list', 'limits')
  return {
    'org login jwt': [user.orgId, user.username, user.instanceApiVersion],
    'org display': [org.id, org.connectedStatus],
    'data delete bulk --wait': waited.state,
    'data bulk results': Object.values(counted),
    'result files': written
      .filter((name) => name.startsWith(waited.jobId))
      .map((name) => name.slice(waited.jobId.length + 1))
      .sort(),
    'data delete bulk, data delete resume': [
      resumed.jobInfo.state,
      resumed.records.successfulResults.length,
    ],
    'data query': live.totalSize,
    'data query --all-rows': all.totalSize,
    'data export bulk': exported,
    'org list limits': allowances.find(({ name }) => name === 'DailyBulkApiBatches')?.max,
  }
}

const resultOf = <T>(schema: z.ZodType<T>) =>
  z.object({ status: z.literal(0), result: schema }).transform(({ result }) => result)

/** Runs a command; its answer in JSON. */
function commands({ folder }: Task) {
  const env = { ...QUIET, HOME: folder }
  return async <T>(schema: z.ZodType<T>, ...args: readonly string[]): Promise<T> => {
    const { stdout, exit } = await measure([execPath, MAIN, ...args, '--json'], env, folder)
    const answer = schema.safeParse(JSON.parse(stdout || '{}'))
    if (answer.success) return answer.data
    throw new Error(`sf ${args.slice(0, 3).join(' ')}, exit ${exit}: ${stdout.slice(0, 400)}`)
  }
}
