import Table from 'cli-table3'
import { oneLine } from '../paint.ts'

const NOTHING = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: '  ',
}

/**
 * What cli-table3 adds behind a coloured cell, because it does not know our marked `ESC [ 39 ; … m`
 * as the end of a colour. Foreign text has no sequences left here, and ours have their mark.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a colour sequence is one
const UNMARKED = /\u001b\[\d+m/g

/** Columns under each other without lines around them, as a shell's own tools print them. */
export function columns(
  rows: readonly (readonly string[])[],
  { head, align }: { head?: readonly string[]; align?: readonly ('left' | 'right')[] } = {},
): string {
  const table = new Table({
    chars: NOTHING,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    ...(head === undefined ? {} : { head: [...head] }),
    ...(align === undefined ? {} : { colAligns: [...align] }),
  })
  table.push(...rows.map((row) => row.map(oneLine)))
  return table
    .toString()
    .replaceAll(UNMARKED, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
