import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { Closers } from '../../shared/base/shutdown.ts'
import { VERDICTS } from '../../shared/contract/receipt.ts'
import type { Cli } from '../cli.ts'
import { shellQuoted } from '../commandline.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { count, counted, duration } from '../render/numbers.ts'
import { catchInterrupts } from '../run/interrupts.ts'
import { runCommand, type SandboxProcess, startSandboxProcess } from './children.ts'
import { writeContacts } from './contacts.ts'

export interface DemoFlags {
  readonly rows: number
  readonly rowsPerSecond: number
}

/** Shares of the sandbox's records that are no plain deletions. */
const ALREADY_GONE = 0.002
const FAIL = 0.001

/**
 * The whole way on one machine: a sandbox in a process of its own, a CSV, and `expunge run` as
 * anybody would type it; at its end the receipt is held against what the sandbox has counted.
 */
export async function demo(flags: DemoFlags, { screen, host }: Cli): Promise<ExitCode> {
  const startedAt = Date.now()
  const { signal, expectSecond, forget } = catchInterrupts(host)
  // To the run a second Ctrl-C means something: it must live to see it.
  expectSecond()
  const closers = new Closers()
  const folder = await mkdtemp(join(tmpdir(), 'expunge-demo-'))
  try {
    const home = join(folder, 'home')
    closers.add(() => rm(home, { recursive: true, force: true }))
    const csv = join(folder, 'contacts.csv')
    const contacts = await writeContacts(csv, flags.rows)
    screen.say(
      `A demo in ${folder}: ${count(contacts.rows)} rows of Contact ids, of which ` +
        `${count(contacts.invalid)} invalid and ${count(contacts.duplicate)} twice, and a sandbox ` +
        `that deletes ${count(flags.rowsPerSecond)} records a second.`,
    )
    const sandbox = await startSandboxProcess([
      ...['--rows-per-second', String(flags.rowsPerSecond)],
      ...['--already-gone', String(ALREADY_GONE), '--fail', String(FAIL)],
    ])
    closers.add(() => sandbox.stop())
    const results = join(folder, 'results')
    const args = [
      ...['run', '--object', 'Contact', '--csv', csv, '--on-invalid', 'skip'],
      ...['--max-records', String(flags.rows), '--results', results, '--yes'],
    ]
    screen.say(`\n$ ${['expunge', ...args].map(shellQuoted).join(' ')}\n`)
    const code = await runCommand(args, { ...sandbox.env, EXPUNGE_HOME: home }, signal)
    signal.throwIfAborted()
    if (code !== EXIT.ok && code !== EXIT.incomplete) return EXIT.failed
    const agrees = await compare(sandbox, results, screen.say)
    screen.say(`Done in ${duration(Date.now() - startedAt)}. The files stay in ${folder}.`)
    return agrees ? EXIT.ok : EXIT.failed
  } finally {
    await closers.closeAll()
    forget()
  }
}

const receiptSchema = z.object({
  outcome: z.record(z.enum(VERDICTS), z.int()),
  ingestJobs: z.array(z.unknown()),
})
const statsSchema = z.object({
  rowsDeleted: z.int(),
  deletedTwice: z.int(),
  verdicts: z.record(z.string(), z.int()),
  violationCounts: z.record(z.string(), z.int()),
})

/** Holds the receipt against the sandbox's own books, number by number. */
async function compare(
  sandbox: SandboxProcess,
  results: string,
  say: (text: string) => void,
): Promise<boolean> {
  const { outcome } = receiptSchema.parse(await readReceipt(join(results, 'default')))
  const stats = statsSchema.parse(await sandbox.stats())
  const broken = Object.values(stats.violationCounts).reduce((sum, times) => sum + times, 0)
  const pairs = [
    ['deleted', outcome.deleted, stats.rowsDeleted],
    ['already gone', outcome.alreadyGone, stats.verdicts['ENTITY_IS_DELETED'] ?? 0],
    ['failed', outcome.failed, stats.verdicts['DELETE_FAILED'] ?? 0],
    ['deleted twice', 0, stats.deletedTwice],
    ['rules of the API broken', 0, broken],
  ] as const
  const wrong = pairs.filter(([, ours, theirs]) => ours !== theirs)
  for (const [what, ours, theirs] of wrong) {
    say(`✗ ${what}: the receipt says ${count(ours)}, the sandbox ${count(theirs)}.`)
  }
  if (wrong.length === 0) {
    say(
      `\n✓ The sandbox has counted the same: ${counted(stats.rowsDeleted, 'record')} deleted, ` +
        `${count(outcome.alreadyGone)} already gone, ${count(outcome.failed)} failed, none deleted twice, no rule of the API broken.`,
    )
  }
  return wrong.length === 0
}

async function readReceipt(folder: string): Promise<unknown> {
  const [id = ''] = await readdir(folder)
  return JSON.parse(await readFile(join(folder, id, 'receipt.json'), 'utf8'))
}
