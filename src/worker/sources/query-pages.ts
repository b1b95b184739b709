import { SourceError } from '../../shared/base/errors.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { QueryApi, QueryJobInfo } from '../../shared/salesforce/query.ts'
import { outageDelay } from '../../shared/salesforce/retry.ts'
import type { PlanCalls } from '../gate/plan-calls.ts'

/** Rows of one page: 4.2 MB of ids, and 25 calls for 5 million. */
const PAGE_ROWS = 200_000
/** How often a page is read whose answer makes no sense. */
const MOST_READS = 3

type Page = Awaited<ReturnType<QueryApi['page']>>
type Calls = Pick<PlanCalls, 'make' | 'nap'>

/** The results of a query job, page by page, as one CSV. */
export class QueryPages {
  readonly #api: Pick<QueryApi, 'page'>
  readonly #calls: Calls
  readonly #signal: AbortSignal

  constructor(api: Pick<QueryApi, 'page'>, calls: Calls, signal: AbortSignal) {
    this.#api = api
    this.#calls = calls
    this.#signal = signal
  }

  /**
   * A page is read whole before any of it is used, and again if it breaks off, so that no row is
   * lost or doubled.
   *
   * @throws SourceError SOURCE_TRUNCATED if pages have other rows than Salesforce says, or do not fit
   *   together
   * @throws SalesforceError
   */
  async *of({ id, numberRecordsProcessed }: QueryJobInfo): AsyncGenerator<Uint8Array> {
    let locator: string | null = null
    let rows = 0
    let isWhole = false
    let first: Buffer | null = null
    const locators = new Set<string>()
    do {
      const page: Page = await this.#read(id, locator)
      const { header, lines } = layoutOf(page.csv)
      const names = Buffer.from(page.csv.subarray(0, header))
      rows += Math.max(0, lines - 1)
      if (first === null) yield page.csv.length === 0 ? Buffer.from('"Id"\n') : page.csv
      else if (names.length === 0 || names.equals(first)) yield page.csv.subarray(header)
      else throw unfit(id, 'a later page has another header than the first')
      // A row that breaks off stays a row of its own.
      if (page.csv.length > 0 && page.csv.at(-1) !== LF) yield Buffer.of(LF)
      this.#signal.throwIfAborted()
      first ??= names
      locator = page.next
      isWhole = page.isLast
      if (locator !== null && locators.has(locator)) throw unfit(id, 'a page follows itself')
      if (locator !== null) locators.add(locator)
    } while (locator !== null)
    if (!isWhole && rows !== numberRecordsProcessed)
      throw truncated(id, numberRecordsProcessed, rows)
  }

  async #read(job: string, locator: string | null): Promise<Page> {
    for (let reads = 1; ; reads++) {
      try {
        const at = { locator, maxRecords: PAGE_ROWS }
        const page = await this.#calls.make((signal) => this.#api.page(job, at, signal))
        const rows = Math.max(0, layoutOf(page.csv).lines - 1)
        if (page.rows === null || page.rows === rows) return page
        if (reads >= MOST_READS) throw truncated(job, page.rows, rows)
      } catch (error) {
        const isOdd = error instanceof SalesforceError && error.kind === 'unexpected'
        if (!isOdd || reads >= MOST_READS) throw error
      }
      await this.#calls.nap(outageDelay(reads))
    }
  }
}

const LF = 10

/** Bytes of the header line, and number of lines. Ids contain no line breaks. */
function layoutOf(csv: Buffer): { readonly header: number; readonly lines: number } {
  let lines = 0
  for (let at = csv.indexOf(LF); at >= 0; at = csv.indexOf(LF, at + 1)) lines++
  if (csv.length > 0 && csv.at(-1) !== LF) lines++
  const end = csv.indexOf(LF)
  return { header: end < 0 ? csv.length : end + 1, lines }
}

/** @param expected null if Salesforce did not say, nor that the last page is the last */
function truncated(job: string, expected: number | null, got: number): SourceError {
  return unfit(job, `expected ${expected ?? 'an unknown number of'} rows, got ${got}`)
}

function unfit(job: string, why: string): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `The results of query job ${job} are not complete: ${why}. Submit the request under another id.`,
  )
}
