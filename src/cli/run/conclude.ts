import type { Readable } from 'node:stream'
import type { RequestView } from '../../producer/producer.ts'
import { visible } from '../../shared/base/visible.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { placeOfRow } from '../../shared/contract/sources/lists.ts'
import { readResults } from '../../shared/results/open.ts'
import { folderAt } from '../../shared/results/results-store.ts'
import { commandFor } from '../command-line.ts'
import type { Watched } from '../follow-with-progress.ts'
import { showReceipt, type summary } from '../receipt.ts'
import { count } from '../render/format.ts'
import { applyLine, retryLine } from '../render/request.ts'
import { textOutput } from '../screen.ts'
import type { RunSession } from './session.ts'

const SHOWN_ROWS = 10

/** Shows how it ended, and the first rows that caused a refusal. */
export async function conclude(
  session: RunSession,
  view: RequestView,
  watched: Watched | null,
): Promise<Receipt> {
  const { cli, flags, config } = session
  const { receipt } = view
  if (receipt === null) throw new TypeError('A request that is over has a receipt.')
  await showReceipt(cli.screen, receipt, {
    ...flags,
    results: config.results,
    figures: figures(session, receipt, watched),
    why: async (files) => [
      ...(receipt.status === 'refused' ? await refusedRows(session, receipt) : []),
      ...receiptElsewhere(receipt, config.results.path, files),
    ],
  })
  const next =
    applyLine(view, Date.now()) ||
    retryLine(receipt, flags.results === undefined ? undefined : config.results.path)
  if (next !== '') textOutput(cli.screen, flags).write(`\n${next}`)
  return receipt
}

/**
 * Says if the receipt is not in this directory: it was lost, or another directory was in use when
 * the request began.
 */
function receiptElsewhere(
  { org, id }: Receipt,
  results: string,
  files: ReadonlyMap<string, string>,
): readonly string[] {
  if (files.has('receipt.json')) return []
  const folder = folderAt(results, { org, id })
  const look = commandFor(`status ${id} --json`, { org })
  return [
    `  ${folder} has no receipt.json: it is in another directory, or could not be written. To show it:\n    ${look}`,
  ]
}

/** None for a refusal, and none for a request that had ended before. */
function figures(
  { startedAt }: RunSession,
  { status }: Receipt,
  watched: Watched | null,
): Parameters<typeof summary>[1] {
  if (watched === null && status !== 'planned') return null
  return {
    totalMs: Date.now() - startedAt,
    deleting: watched === null ? null : { records: watched.records, ms: watched.ms },
    // Kibibytes on every platform, because libuv converts.
    peakMemory: process.resourceUsage().maxRSS * 1024,
  }
}

/** The first refused rows, with the reasons. */
async function refusedRows(
  { config, input, submitted }: RunSession,
  receipt: Receipt,
): Promise<readonly string[]> {
  const { files, plan } = receipt
  const listed = files.find(({ name }) => name === 'invalid.csv')
  const file = listed && (await readResults(config.results).openFile(receipt, listed))
  if (!file) return []
  const { source } = submitted.request
  const read = plan?.read ?? 0
  const rows = await firstInvalidRows(file.stream(), SHOWN_ROWS + 1)
  const shown = rows.slice(0, SHOWN_ROWS).map(({ line, value, reason }, at) => {
    // A file of another object repeats one reason in every row.
    const why = reason === rows[at - 1]?.reason ? '' : `: ${reason}`
    const places = [input.name, visible(placeOfRow(source, line, read))]
    return `  ${places.filter(Boolean).join(', ')}: "${visible(value)}"${why}`
  })
  const more =
    rows.length > SHOWN_ROWS ? [`  … and more; only the first ${count(SHOWN_ROWS)} are shown.`] : []
  return [...shown, ...more]
}

interface InvalidRow {
  readonly line: string
  readonly value: string
  readonly reason: string
}

/** The first rows of an `invalid.csv`, whose columns are Line, Value and Reason. */
async function firstInvalidRows(file: Readable, most: number): Promise<readonly InvalidRow[]> {
  const { parse } = await import('fast-csv')
  const parser = parse<InvalidRow, InvalidRow>({
    headers: ['line', 'value', 'reason'],
    renameHeaders: true,
  })
  file.once('error', (error) => parser.destroy(error)).pipe(parser)
  const rows: InvalidRow[] = []
  try {
    // A file of refused rows may be as long as its source, so it is not read to its end.
    for await (const row of parser) if (rows.push(row) >= most) break
  } finally {
    file.destroy()
  }
  return rows
}
