/**
 * A whole run, as a user starts it: `expunge run` in a process of its own against a sandbox in
 * another, with a Redis of its own. Wall time and peak memory of the run's process; the server's own
 * time is what its job took from the close to its end.
 *
 *   node bench/cycle.ts [ids, default 100000,1000000,5200000] [--built]
 *
 * `--built` runs dist/ (after `npm run build`), as the published package does; else the sources.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, env, execPath } from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { suffixOf } from '../src/shared/record-id.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAIN = argv.includes('--built') ? 'dist/cli/main.js' : 'src/cli/main.ts'
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const counts = (argv[2]?.startsWith('--') ? undefined : argv[2]) ?? '100000,1000000,5200000'

const CASES = {
  'all deleted': [],
  'all failing': ['--fail', '1'],
} as const

const loginSchema = z.object({ url: z.string(), clientId: z.string(), clientSecret: z.string() })
const statsSchema = z.object({
  apiRequests: z.number(),
  jobs: z.array(z.object({ closedAt: z.number(), finishedAt: z.number() })),
})
const receiptSchema = z.object({
  plan: z.object({ accepted: z.number() }),
  outcome: z.object({ deleted: z.number(), failed: z.number() }),
})

console.log(
  `${'case'.padEnd(14)}${'ids'.padStart(12)}${'wall s'.padStart(9)}${'server s'.padStart(10)}${'beyond s'.padStart(10)}${'peak MiB'.padStart(10)}${'calls'.padStart(7)}`,
)
const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
try {
  for (const count of counts.split(',').map(Number)) {
    const csv = join(folder, `${count}.csv`)
    await writeIds(csv, count)
    for (const [name, flags] of Object.entries(CASES)) await measure(name, count, csv, flags)
    await rm(csv)
  }
} finally {
  await rm(folder, { recursive: true })
}

async function measure(
  name: string,
  count: number,
  csv: string,
  flags: readonly string[],
): Promise<void> {
  const sandbox = spawn(
    execPath,
    [
      join(ROOT, MAIN),
      'sandbox',
      '--port',
      '0',
      '--rows-per-second',
      '50000000',
      '--json',
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const login = loginSchema.parse(JSON.parse(await firstLine(sandbox.stdout)))
    const run = await runExpunge(csv, login)
    const answer = await fetch(`${login.url}/__sandbox/stats`)
    const { jobs, apiRequests } = statsSchema.parse(await answer.json())
    const server = jobs.reduce((sum, job) => sum + job.finishedAt - job.closedAt, 0) / 1000
    const receipt = receiptSchema.parse(JSON.parse(run.stdout))
    if (
      receipt.plan.accepted !== count ||
      receipt.outcome.deleted + receipt.outcome.failed !== count
    ) {
      throw new Error(`Expected ${count} verdicts, got ${run.stdout}`)
    }
    console.log(
      `${name.padEnd(14)}${String(count).padStart(12)}${run.seconds.toFixed(2).padStart(9)}${server.toFixed(2).padStart(10)}` +
        `${(run.seconds - server).toFixed(2).padStart(10)}${String(run.peakMiB).padStart(10)}${String(apiRequests).padStart(7)}`,
    )
  } finally {
    sandbox.kill()
    await once(sandbox, 'exit')
  }
}

/** Peak memory as the kernel counted it for that process alone; children of it are not in it. */
async function runExpunge(csv: string, login: z.output<typeof loginSchema>) {
  const home = join(folder, 'home')
  const begun = performance.now()
  const run = spawn(
    execPath,
    [
      join(ROOT, MAIN),
      'run',
      '--object',
      'Contact',
      '--csv',
      csv,
      '--max-records',
      '100000000',
      '--yes',
      '--json',
      '--results',
      join(folder, 'results'),
    ],
    {
      env: {
        ...env,
        EXPUNGE_HOME: home,
        SALESFORCE_LOGIN_URL: login.url,
        SALESFORCE_CLIENT_ID: login.clientId,
        SALESFORCE_CLIENT_SECRET: login.clientSecret,
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  let peakMiB = 0
  const watch = setInterval(async () => {
    const status = await readFile(`/proc/${run.pid}/status`, 'utf8').catch(() => '')
    peakMiB = Math.max(peakMiB, Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024))
  }, 20)
  const stdout = await text(run.stdout)
  clearInterval(watch)
  return { stdout, seconds: (performance.now() - begun) / 1000, peakMiB }
}

async function firstLine(stream: AsyncIterable<Buffer>): Promise<string> {
  let line = ''
  for await (const block of stream) {
    line += block
    if (line.includes('\n')) break
  }
  return line
}

/** Ids as an org counts them up, in one server block. */
async function writeIds(path: string, count: number): Promise<void> {
  const file = createWriteStream(path)
  file.write('Id\n')
  for (let n = 0; n < count; ) {
    let lines = ''
    for (const end = Math.min(count, n + 10_000); n < end; n++) {
      let counter = ''
      for (let rest = n, k = 0; k < 9; k++, rest = Math.floor(rest / 62))
        counter = BASE62[rest % 62] + counter
      const id = `0035f0${counter}`
      lines += `${id}${suffixOf(id)}\n`
    }
    if (!file.write(lines)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
}
