import { createReadStream } from 'node:fs'
import type { ResultKind } from './fault-script.ts'
import type { Job } from './jobs.ts'
import { ByteWriter, RowWriter } from './result-rows.ts'
import { ROWS_PER_BATCH } from './settings.ts'
import { BlockReader, type Upload } from './upload.ts'
import { VERDICT, type Verdicts } from './verdicts.ts'

interface ResultOptions {
  readonly shuffle: boolean
  readonly verdicts: Verdicts
}

const SELECTS: Readonly<Record<ResultKind, (verdict: number) => boolean>> = {
  successfulResults: (verdict) => verdict === VERDICT.DELETED,
  // A hidden verdict is greater than every visible one.
  failedResults: (verdict) => verdict > VERDICT.DELETED && verdict < 0x80,
  unprocessedRecords: (verdict) => verdict === VERDICT.UNPROCESSED,
}

/**
 * One result file of a terminal job, generated while it is read, from the upload and one byte per
 * row. Rows come in another order than they were sent, because clients must not rely on it.
 */
export async function* resultFile(
  job: Job,
  kind: ResultKind,
  options: ResultOptions,
): AsyncGenerator<Uint8Array> {
  const { upload } = job
  if (kind === 'unprocessedRecords' && upload && job.rejectedWhole) {
    yield* createReadStream(upload.file)
    return
  }
  const rows = new RowWriter(job, kind, options.verdicts)
  yield rows.header(upload?.header ?? '')
  if (upload && upload.rows > 0) yield* rowsOf(job, upload, rows, options)
}

async function* rowsOf(job: Job, upload: Upload, rows: RowWriter, options: ResultOptions) {
  const { verdicts } = job
  const selects = SELECTS[rows.kind]
  const reader = await BlockReader.open(upload)
  try {
    const order = way(reader.blocks, upload.bytes, options)
    // A block is as long as the one before it: growing it on the way cost as much as writing it.
    let length = 0
    for (let turn = 0; turn < reader.blocks; turn++) {
      const block = order(turn)
      if (!someSelected(verdicts, block, upload, selects)) continue
      await reader.read(block)
      const out = new ByteWriter(Math.max(length, reader.rows * 64) + 1_024)
      writeBlock(out, reader, verdicts, rows, options)
      const bytes = out.finish()
      length = bytes.length
      yield bytes
    }
  } finally {
    await reader.close()
  }
}

function way(length: number, seed: number, { shuffle }: ResultOptions) {
  return shuffle ? permutation(length, seed) : (index: number) => index
}

function someSelected(
  verdicts: Uint8Array,
  block: number,
  upload: Upload,
  selects: (verdict: number) => boolean,
): boolean {
  const first = block * ROWS_PER_BATCH
  return verdicts.subarray(first, Math.min(first + ROWS_PER_BATCH, upload.rows)).some(selects)
}

function writeBlock(
  out: ByteWriter,
  reader: BlockReader,
  verdicts: Uint8Array,
  rows: RowWriter,
  options: ResultOptions,
): void {
  const selects = SELECTS[rows.kind]
  const order = way(reader.rows, reader.firstRow + reader.bytes.length, options)
  for (let turn = 0; turn < reader.rows; turn++) {
    const row = order(turn)
    const verdict = verdicts[reader.firstRow + row] ?? VERDICT.UNPROCESSED
    if (selects(verdict)) rows.write(out, reader, row, verdict)
  }
}

/**
 * A non-ascending permutation of 0…length-1, computed without storage, whatever the length. Equal
 * seeds give equal permutations.
 */
export function permutation(length: number, seed: number): (index: number) => number {
  if (length < 2) return (index) => index
  const step = coprimeStep(length)
  const first = 1 + (seed % (length - 1))
  return (index) => (first + index * step) % length
}

/** Near the golden ratio, where neighbours end up far apart. */
function coprimeStep(length: number): number {
  let step = Math.max(1, Math.floor(length * 0.618))
  while (gcd(step, length) !== 1) step--
  return step
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
