import { relative } from 'node:path'
import { visible } from '../shared/base/visible.ts'
import type { Config } from '../shared/config/config.ts'
import { isUrl } from '../shared/config/fields.ts'
import { RESULTS_PATH, resultsPlace } from '../shared/config/results.ts'
import type { Receipt } from '../shared/contract/receipt.ts'
import { readResults } from '../shared/results/open.ts'
import {
  RECEIPT,
  RESULT_KINDS,
  type ResultsPlace,
  type ResultsReader,
} from '../shared/results/results-store.ts'
import { UsageError } from './cli.ts'
import { bytes, columns, count, duration } from './render/format.ts'
import { receiptErrorWords } from './render/remedy.ts'
import { STATUS_COLOUR, topFailures } from './render/request.ts'
import { type Screen, textOutput } from './screen.ts'
import type { Style } from './styled-text.ts'

/** Figures that a receipt lacks: time and memory of this process. */
interface RunFigures {
  /** Milliseconds since the start of the command. */
  readonly totalMs: number
  /**
   * Verdicts while this process followed the request, and for how long; null if it did not follow
   * one.
   */
  readonly deleting: { readonly records: number; readonly ms: number } | null
  /** Of this process, in bytes. */
  readonly peakMemory: number
}

/** A receipt for people; with `figures` if this process did the work. */
export function summary(receipt: Receipt, figures: RunFigures | null, style: Style): string {
  const { status, outcome, error } = receipt
  const head = style(
    STATUS_COLOUR[status],
    style('bold', `${status[0]?.toUpperCase()}${status.slice(1)}`),
  )
  const why = error === null ? '' : ` ${visible(receiptErrorWords(error))}`
  const rows = [...(outcome === null ? [] : outcomeRows(receipt, outcome, style))]
  const codes = topFailures(receipt.failures)
  if (codes !== '') rows.push(['Failure codes', '', codes])
  if (receipt.ingestJobs.length > 0) rows.push(['Ingest jobs', jobCount(receipt), jobIds(receipt)])
  if (figures !== null) rows.push(...figureRows(figures))
  const title = `${head}: request ${receipt.id}.${why}`
  if (rows.length === 0) return title
  return `${title}\n${columns(rows, { align: ['left', 'right', 'left'] })}`
}

type Row = readonly [what: string, number: string, words: string]

function outcomeRows(
  { object }: Receipt,
  outcome: NonNullable<Receipt['outcome']>,
  style: Style,
): Row[] {
  const bad = (value: number) => (value === 0 ? count(value) : style('red', count(value)))
  return [
    ['Deleted', style('bold', count(outcome.deleted)), object],
    ['Already gone', count(outcome.alreadyGone), ''],
    ['Failed', bad(outcome.failed), ''],
    ['Unprocessed', bad(outcome.unprocessed), ''],
  ]
}

const SHOWN_JOBS = 3

function jobIds({ ingestJobs }: Receipt): string {
  const ids = [...new Set(ingestJobs.map(({ id }) => id))]
  const more = ids.length - SHOWN_JOBS
  return `${ids.slice(0, SHOWN_JOBS).join(', ')}${more > 0 ? `, and ${count(more)} more` : ''}`
}

function jobCount({ ingestJobs }: Receipt): string {
  return count(new Set(ingestJobs.map(({ id }) => id)).size)
}

function figureRows({ totalMs, deleting, peakMemory }: RunFigures): Row[] {
  const rate =
    deleting === null || deleting.ms === 0
      ? ''
      : `deleting at ${count(deleting.records / (deleting.ms / 1000))} ids/s`
  return [
    ['Time', duration(totalMs), rate],
    ['Peak memory', bytes(peakMemory), ''],
  ]
}

/** The existing files of a request by name, as paths relative to the working directory. */
async function resultFiles(
  place: ResultsPlace,
  request: Receipt,
): Promise<ReadonlyMap<string, string>> {
  const reader = readResults(place)
  const names: readonly string[] = await reader.files(request).catch(() => [])
  const wanted = [RECEIPT, ...RESULT_KINDS.map((kind) => `${kind}.csv`)]
  return new Map(
    wanted
      .filter((name) => names.includes(name))
      .map((name) => [name, shown(`${reader.folder(request)}/${name}`)]),
  )
}

/** The relative path, if the file is below the working directory. */
function shown(path: string): string {
  if (isUrl(path)) return path
  const short = relative('', path)
  return short === '' || short.startsWith('..') ? path : short
}

interface ReceiptShown {
  readonly json?: true
  readonly results: ResultsPlace
  readonly figures?: RunFigures | null
  /** Lines between the summary and the files. */
  readonly why?: (
    files: ReadonlyMap<string, string>,
  ) => Promise<readonly string[]> | readonly string[]
}

/** The results store: the given one, else that of the settings. @throws UsageError */
export function placeOfResults(
  config: Pick<Config, 'results' | 'sources' | 'proxyEnv'>,
  { results: given }: { readonly results?: string | undefined },
): ResultsPlace {
  if (given === undefined) return config.results
  const path = RESULTS_PATH.parse(given)
  if (path !== undefined) return resultsPlace(path, config)
  throw new UsageError(`--results: expected ${RESULTS_PATH.expected}, got "${given}".`)
}

/** Reads the results of an ended request. @throws UsageError if the receipt is not there */
export async function resultsOf(
  request: Pick<Receipt, 'org' | 'id'>,
  ...where: Parameters<typeof placeOfResults>
): Promise<ResultsReader> {
  const reader = readResults(placeOfResults(...where))
  if ((await reader.readReceipt(request)) !== null) return reader
  throw new UsageError(
    `${reader.folder(request)} has no receipt: the results of ${request.id} are in another place, or could ` +
      'not be written; see the log of the worker. Specify the results directory or bucket of the run or ' +
      'the workers with --results or EXPUNGE_RESULTS.',
  )
}

/** Shows a receipt: as JSON on stdout for machines, as a table with all files for people. */
export async function showReceipt(
  screen: Screen,
  receipt: Receipt,
  { results, figures = null, why = () => [], ...output }: ReceiptShown,
): Promise<void> {
  const files = await resultFiles(results, receipt)
  if (output.json) screen.answerJson(receipt)
  const { write, style } = textOutput(screen, output)
  write(summary(receipt, figures, style))
  for (const line of await why(files)) write(line)
  for (const [name, path] of files) write(`  ${name.padEnd(15)}  ${path}`)
}
