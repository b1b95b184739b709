import type { Receipt } from '../../shared/contract/receipt.ts'
import { openIntact } from '../../shared/results/open.ts'
import {
  RECEIPT,
  RESULT_KINDS,
  type ResultKind,
  type ResultsReader,
} from '../../shared/results/results-store.ts'
import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { withRequest } from '../org.ts'
import { resultsOf } from '../receipt.ts'
import { columns, count, counted } from '../render/format.ts'
import type { Screen } from '../screen.ts'

/**
 * Lists the result files of an ended request, or prints one.
 *
 * @throws UsageError if there are none, or none yet
 */
export function results(flags: Flags<'results'>, cli: Cli): Promise<ExitCode> {
  const kind = RESULT_KINDS.find((one) => flags[one]) ?? null
  return withRequest(cli, { ...flags, stays: true }, async ({ config, org }, view) => {
    if (!isOver(view)) {
      const look = commandFor(`status ${view.id}`, { org })
      throw new UsageError(
        `Request ${view.id} is ${view.status}. Its results are available when it has ended. To see its status:\n  ${look}`,
      )
    }
    const reader = await resultsOf(view.receipt, config, flags)
    if (kind === null) return list(reader, view.receipt, flags, cli.screen)
    await print(kind, reader, view.receipt, cli.screen)
    return EXIT.ok
  })
}

/** A file without rows is not written, so "no rows" is a valid answer. */
async function print(
  kind: ResultKind,
  reader: ResultsReader,
  receipt: Receipt,
  screen: Screen,
): Promise<void> {
  const name = `${kind}.csv`
  const file = receipt.files.find((other) => other.name === name)
  if (file !== undefined) {
    // The rows may be deleted next, so a replaced file must not be accepted.
    const intact = await openIntact(reader, receipt, file)
    if (intact !== null) return screen.pipe(intact.stream())
    throw new UsageError(
      `${reader.folder(receipt)}/${name} was changed after it was written: the receipt has ${counted(file.rows, 'row')}, ` +
        `${count(file.bytes)} bytes, SHA-256 ${file.sha256}. Nothing was printed.`,
    )
  }
  const expected = rowsOf(kind, receipt)
  screen.say(
    expected === 0
      ? `Request ${receipt.id} has no ${kind} records.`
      : `${name} was not written; it would have ${counted(expected, 'row')}.` +
          (kind === 'deleted'
            ? ' It is written only if `results.deleted` is set in EXPUNGE_CONFIG.'
            : ''),
  )
}

function rowsOf(kind: ResultKind, { plan, outcome }: Receipt): number {
  return kind === 'invalid' ? (plan?.invalid ?? 0) : (outcome?.[kind] ?? 0)
}

/** The files of the receipt, each read and compared with it. */
async function list(
  reader: ResultsReader,
  receipt: Receipt,
  { json }: Flags<'results'>,
  screen: Screen,
): Promise<ExitCode> {
  const folder = reader.folder(receipt)
  const files = await Promise.all(
    receipt.files.map(async (file) => {
      const { name, rows, bytes, sha256 } = file
      const intact = await reader.isAsWritten(receipt, file)
      return { name, path: `${folder}/${name}`, rows, bytes, sha256, intact }
    }),
  )
  const code = files.every(({ intact }) => intact) ? EXIT.ok : EXIT.incomplete
  if (json) {
    const { id, org, status } = receipt
    const own = { name: RECEIPT, path: `${folder}/${RECEIPT}`, rows: null }
    screen.answerJson({ id, org, status, folder, files: [own, ...files] })
    return code
  }
  const rows = files.map(({ name, rows, intact }) => [
    name,
    count(rows),
    `${rows === 1 ? 'row' : 'rows'}${intact ? '' : ': missing or changed'}`,
  ])
  const all = [[RECEIPT, '', ''], ...rows]
  screen.answer(`${folder}\n${columns(all, { align: ['left', 'right', 'left'] })}`)
  return code
}
