import { RefusedError } from '../../shared/base/errors.ts'
import type { SourcePart } from '../sources/source.ts'
import type { ScannedBlock } from './block.ts'
import { type ScanOptions, scan } from './scan.ts'

/**
 * Reads every part of a source in its own form: its header, its columns, its separator.
 *
 * @throws RefusedError naming the part, if there are several
 */
export async function* scanParts(
  parts: AsyncIterable<SourcePart>,
  options: ScanOptions,
): AsyncGenerator<ScannedBlock> {
  for await (const { name, bytes } of parts) {
    if (name === null) yield* scan(bytes, options)
    else yield* scanNamed(name, bytes, options)
  }
}

async function* scanNamed(
  part: string,
  bytes: SourcePart['bytes'],
  options: ScanOptions,
): AsyncGenerator<ScannedBlock> {
  try {
    for await (const block of scan(bytes, options)) {
      yield { ...block, refused: block.refused.map((row) => ({ ...row, part })) }
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    const { code, problem, remedies } = error
    throw new RefusedError(code, `${part}: ${problem}`, { remedies, cause: error })
  }
}
