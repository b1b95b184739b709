import { createReadStream } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Receipt } from '../../shared/receipt.ts'
import type { Cli } from '../cli.ts'
import { commandFor } from '../commandline.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { isOver } from '../follow.ts'
import { count, counted } from '../render/numbers.ts'
import { columns } from '../render/table.ts'
import type { ResultsFlags, ResultsKind } from '../results.ts'
import { resultFiles } from '../run/result-files.ts'
import type { Screen } from '../screen.ts'
import { countRows } from './count-rows.ts'
import { visitRequest } from './visit.ts'

/**
 * The result files of a request that is over, or the content of one.
 *
 * @throws UsageError where there are none, or none yet
 */
export function results(
  id: string,
  kind: ResultsKind | null,
  flags: ResultsFlags,
  cli: Cli,
): Promise<ExitCode> {
  return visitRequest(cli, id, { ...flags, stays: true }, async ({ config, org }, view) => {
    if (!isOver(view)) {
      const look = commandFor(`status ${view.id}`, { org })
      throw new UsageError(
        `Request ${view.id} is ${view.status}: its results are there once it is over. See ${look}.`,
      )
    }
    const root = flags.results === undefined ? config.results.path : resolve(flags.results)
    const folder = join(root, view.org, view.id)
    const files = await resultFiles(folder)
    if (!files.has('receipt.json')) {
      throw new UsageError(
        `${folder} has no receipt: the results of ${view.id} are elsewhere. Name the directory ` +
          'that the run or the workers write to with --results, or with EXPUNGE_RESULTS.',
      )
    }
    if (kind !== null) await print(kind, files, view.receipt, cli.screen)
    else await list(folder, files, view.receipt, flags, cli.screen)
    return EXIT.ok
  })
}

/** A file without rows is not written: no rows is an answer, too. */
async function print(
  kind: ResultsKind,
  files: ReadonlyMap<string, string>,
  receipt: Receipt,
  screen: Screen,
): Promise<void> {
  const path = files.get(`${kind}.csv`)
  if (path !== undefined) return screen.pipe(createReadStream(path))
  const expected = rowsOf(kind, receipt)
  screen.say(
    expected === 0
      ? `No rows: nothing of request ${receipt.id} is ${kind}.`
      : `${kind}.csv was not written, though ${counted(expected, 'row')} would be in it.` +
          (kind === 'deleted' ? ' It is where `results.deleted` is set in EXPUNGE_CONFIG.' : ''),
  )
}

function rowsOf(kind: ResultsKind, { plan, outcome }: Receipt): number {
  return kind === 'invalid' ? (plan?.invalid ?? 0) : (outcome?.[kind] ?? 0)
}

async function list(
  folder: string,
  files: ReadonlyMap<string, string>,
  receipt: Receipt,
  { json }: ResultsFlags,
  screen: Screen,
): Promise<void> {
  const found = await Promise.all(
    [...files].map(async ([name, path]) => {
      return {
        name,
        path: resolve(path),
        rows: name.endsWith('.csv') ? await countRows(path) : null,
      }
    }),
  )
  if (json) {
    const { id, org, status } = receipt
    return screen.answer(JSON.stringify({ id, org, status, folder, files: found }, null, 2))
  }
  const rows = found.map(({ name, rows }) => [
    name,
    rows === null ? '' : count(rows),
    rows === null ? '' : rows === 1 ? 'row' : 'rows',
  ])
  screen.answer(`${folder}\n${columns(rows, { align: ['left', 'right', 'left'] })}`)
}
