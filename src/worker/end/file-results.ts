import type { Context } from '../../shared/base/context.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { NO_OUTCOME, type ReceiptError, type ResultFile } from '../../shared/contract/receipt.ts'
import {
  PART_KINDS,
  RESULT_KINDS,
  type RequestFolder,
  type ResultKind,
  type ResultsStore,
} from '../../shared/results/results-store.ts'
import type { ChunkListing } from '../../shared/store/ledger/chunk.ts'
import { keepsDeleted } from '../../shared/store/ledger/rails.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { EndedChunk, RequestEnd } from './receipt.ts'

/**
 * The result files of a request that ends: joined from the parts that its chunks wrote, and
 * compared with its plan and outcome. A missing or changed part is rebuilt if Salesforce still has
 * the results; otherwise the receipt states what the files lack.
 */

/**
 * Lists the rows of a chunk again; null if that is no longer possible.
 *
 * @throws LaterError if it may be possible later
 */
type Relist = (
  request: RequestRecord['request'],
  chunk: EndedChunk,
  ctx: Context,
) => Promise<ChunkListing | null>

export interface FilingDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  /** The org's own guard rails, for requests older than the guard rails in the ledger. */
  readonly rails: Pick<GuardRails, 'keepDeleted'>
  /** Absent without a login. */
  readonly relist?: Relist
}

interface Filed {
  readonly files: readonly ResultFile[]
  readonly error: ReceiptError | null
}

/** What the files consist of, and how many rows each must have. */
interface Account {
  readonly folder: RequestFolder
  readonly chunks: readonly EndedChunk[]
  readonly invalid: ResultFile | null
  readonly expected: Readonly<Record<ResultKind, number>>
}

/** Null if another worker ended the request meanwhile: then its parts are gone. */
export async function fileResults(
  record: RequestRecord,
  end: RequestEnd,
  deps: FilingDeps,
  ctx: Context,
): Promise<Filed | null> {
  const account = accountOf(record, end, deps)
  const joined = await joinAll(account, deps.results)
  if (joined.broken.size === 0 && lacking(account, joined.files).length === 0) {
    return { files: joined.files, error: end.error }
  }
  if (await isOver(record, deps)) return null
  const mended = await relistAll(record, account, joined.broken, deps, ctx)
  // Rebuilding takes time. If another worker ended the request meanwhile, its parts are gone, and
  // files that are complete must not be replaced.
  if (await isOver(record, deps)) return null
  const { files } = await joinAll(mended, deps.results, { salvage: true })
  const lacks = lacking(account, files)
  const request = record.request.id
  if (lacks.length === 0) {
    ctx.log.warn({ request }, 'Parts of the result files were lost and have been collected again.')
    return { files, error: end.error }
  }
  const error = incomplete(lacks)
  ctx.log.error({ request, code: error.code }, error.message)
  // The reason that the request was stopped comes first; callers rely on its code.
  const { error: own } = end
  return {
    files,
    error: own === null ? error : { ...own, message: `${own.message} ${error.message}` },
  }
}

async function isOver({ request }: RequestRecord, { store }: FilingDeps): Promise<boolean> {
  const now = await store.ledger.load(request.id)
  return now === null || now.receipt !== null
}

function accountOf(
  record: RequestRecord,
  end: RequestEnd,
  { store: { org }, rails }: FilingDeps,
): Account {
  const { chunks = [], invalid = record.invalid, plan = record.plan } = end
  const { failed, unprocessed, deleted } = end.outcome ?? NO_OUTCOME
  return {
    folder: { org, id: record.request.id },
    chunks,
    invalid,
    expected: {
      failed,
      unprocessed,
      // Rows of an "except" list that are no ids end the reading before there is a plan.
      invalid: plan?.invalid ?? invalid?.rows ?? 0,
      // A worker of an older version listed them if a request in the same ingest job kept its own.
      deleted: keepsDeleted(record, rails) ? deleted : 0,
    },
  }
}

async function joinAll(
  { folder, chunks, invalid, expected }: Account,
  results: ResultsStore,
  options: { readonly salvage?: boolean } = {},
): Promise<{ files: readonly ResultFile[]; broken: ReadonlySet<ResultFile> }> {
  const files: ResultFile[] = []
  const broken = new Set<ResultFile>()
  for (const kind of RESULT_KINDS) {
    const parts =
      kind === 'invalid'
        ? [invalid ?? []].flat()
        : chunks.flatMap(({ outcome }) => outcome.listed?.[kind] ?? [])
    const own = expected[kind] > 0 ? parts : []
    const joined = await results.joinParts(folder, kind, own, options)
    if (joined.file !== null) files.push(joined.file)
    for (const part of joined.broken) broken.add(part)
  }
  return { files, broken }
}

/** Lists the rows again of chunks with missing rows, as far as possible. */
async function relistAll(
  record: RequestRecord,
  account: Account,
  broken: ReadonlySet<ResultFile>,
  { relist }: FilingDeps,
  ctx: Context,
): Promise<Account> {
  if (relist === undefined) return account
  const chunks: EndedChunk[] = []
  for (const chunk of account.chunks) {
    const { outcome, listed } = chunk.outcome
    const isShort = PART_KINDS.some((kind) => {
      const file = listed?.[kind]
      if (file !== undefined && broken.has(file)) return true
      return account.expected[kind] > 0 && (file?.rows ?? 0) !== outcome[kind]
    })
    const again = isShort ? await relist(record.request, chunk, ctx) : null
    const mended = again === null ? chunk.outcome : { ...chunk.outcome, listed: again }
    chunks.push({ ...chunk, outcome: mended })
  }
  return { ...account, chunks }
}

interface Lack {
  readonly name: string
  readonly rows: number
  readonly expected: number
}

function lacking({ expected }: Account, files: readonly ResultFile[]): readonly Lack[] {
  return RESULT_KINDS.flatMap((kind) => {
    const name = `${kind}.csv`
    const rows = files.find((file) => file.name === name)?.rows ?? 0
    return rows === expected[kind] ? [] : [{ name, rows, expected: expected[kind] }]
  })
}

function incomplete(lacks: readonly Lack[]): ReceiptError {
  const each = lacks.map(({ name, rows, expected }) => `${name} lists ${rows} of ${expected} rows`)
  return {
    code: 'RESULTS_INCOMPLETE',
    message:
      `Result files are not complete: ${each.join(', ')}. What was written to the results directory was lost, ` +
      "and could not be collected again. The outcome's counts stand; the ingest jobs' own results can be read in Salesforce for 7 days.",
  }
}
