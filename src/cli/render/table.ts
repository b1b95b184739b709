import Table from 'cli-table3'
import { oneLine } from '../paint.ts'

const NOTHING = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: '  ',
}

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
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
