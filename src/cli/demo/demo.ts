import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { z } from 'zod'
import { VERDICTS } from '../../shared/contract/receipt.ts'
import { to18 } from '../../shared/contract/record-id.ts'
import { type Cli, catchInterrupts, EXIT, type ExitCode } from '../cli.ts'
import { shellQuoted } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { count, counted, duration } from '../render/format.ts'
import { runCommand, startSandboxProcess } from './processes.ts'

/** Shares of the sandbox's records that cannot simply be deleted. */
const ALREADY_GONE = 0.002
const FAIL = 0.001

/**
 * A complete deletion on one machine: a sandbox in its own process, a CSV, and `expunge run` as a
 * user would type it. At the end the receipt is compared with the sandbox's counts.
 */
export async function demo(flags: Flags<'demo'>, { screen, host }: Cli): Promise<ExitCode> {
  const startedAt = Date.now()
  const { signal, expectSecond, forget } = catchInterrupts(host)
  // The run handles a second Ctrl-C itself, so this process must survive it.
  expectSecond()
  const opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'expunge-demo-'))
  try {
    const home = join(folder, 'home')
    opened.defer(() => rm(home, { recursive: true, force: true }))
    const csv = join(folder, 'contacts.csv')
    const contacts = await writeContacts(csv, flags.rows)
    screen.say(
      `Demo in ${folder}: a CSV file with ${count(contacts.rows)} Contact ids ` +
        `(${count(contacts.invalid)} invalid, ${count(contacts.duplicate)} duplicate), and a sandbox ` +
        `that deletes ${count(flags.rowsPerSecond)} records per second.`,
    )
    const sandbox = await startSandboxProcess([
      ...['--rows-per-second', String(flags.rowsPerSecond)],
      ...['--already-gone', String(ALREADY_GONE), '--fail', String(FAIL)],
    ])
    opened.defer(() => sandbox.stop())
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
    screen.say(`Done in ${duration(Date.now() - startedAt)}. The files are in ${folder}.`)
    return agrees ? EXIT.ok : EXIT.failed
  } finally {
    await opened.disposeAsync()
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

/** Compares the receipt with the sandbox's own counts, number by number. */
async function compare(
  sandbox: Awaited<ReturnType<typeof startSandboxProcess>>,
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
    ['violations of API rules', 0, broken],
  ] as const
  const wrong = pairs.filter(([, ours, theirs]) => ours !== theirs)
  for (const [what, ours, theirs] of wrong) {
    say(`✗ ${what}: the receipt says ${count(ours)}, the sandbox ${count(theirs)}.`)
  }
  if (wrong.length === 0) {
    say(
      `\n✓ The counts of the sandbox match the receipt: ${counted(stats.rowsDeleted, 'record')} deleted, ` +
        `${count(outcome.alreadyGone)} already gone, ${count(outcome.failed)} failed, none deleted twice, no API rule violated.`,
    )
  }
  return wrong.length === 0
}

async function readReceipt(folder: string): Promise<unknown> {
  const [id = ''] = await readdir(folder)
  return JSON.parse(await readFile(join(folder, id, 'receipt.json'), 'utf8'))
}

/** Counts of the rows written. */
interface Contacts {
  readonly rows: number
  readonly invalid: number
  readonly duplicate: number
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ROWS_AT_ONCE = 10_000
/** One row in this many is odd; demos of the usual size have some of each kind. */
const INVALID_EVERY = 40_000
const DUPLICATE_EVERY = 2000

/**
 * Writes a CSV of Contact ids as an export would contain them: in order of creation, with 18
 * characters, and with typical errors of real files.
 */
async function writeContacts(path: string, rows: number): Promise<Contacts> {
  const file = createWriteStream(path)
  let invalid = 0
  let duplicate = 0
  file.write('Id\n')
  for (let at = 0; at < rows; ) {
    let text = ''
    for (const end = Math.min(rows, at + ROWS_AT_ONCE); at < end; at++) {
      if (at % INVALID_EVERY === 7) {
        text += `${ODD_ROWS[invalid % ODD_ROWS.length]}\n`
        invalid++
      } else if (at % DUPLICATE_EVERY === 11) {
        text += `${contactId(at - 2)}\n`
        duplicate++
      } else text += `${contactId(at)}\n`
    }
    if (!file.write(text)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
  return { rows, invalid, duplicate }
}

/** A name instead of an id, another object's id, a truncated id. */
const ODD_ROWS = ['Jane Example', to18('00Q5g00000Demo1'), '0035g00000Dem']

function contactId(number: number): string {
  let tail = ''
  for (let rest = number; tail.length < 5; rest = Math.floor(rest / 62)) {
    tail = DIGITS.charAt(rest % 62) + tail
  }
  return to18(`0035g00001${tail}`)
}
