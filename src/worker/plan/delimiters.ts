import { RefusedError } from '../../shared/base/errors.ts'

export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

/**
 * The delimiter that a first line such as `sep=;` names, as Excel writes and reads it: quoted or not,
 * perhaps with the separators of empty cells behind. Undefined where the line is another.
 *
 * @throws RefusedError NO_ID_COLUMN where it names a delimiter that is not read
 */
export function namedDelimiter(line: string): Delimiter | undefined {
  const named = SEPARATOR_LINE.exec(line)?.groups?.['named']
  if (named === undefined) return undefined
  const delimiter = DELIMITERS.find((known) => known === named)
  if (delimiter !== undefined) return delimiter
  throw new RefusedError(
    'NO_ID_COLUMN',
    `The first line, "sep=${named}", names a separator that is not read: expected a comma, a semicolon, a tab or "|". ` +
      'Export it again with one of these, or export the Id column alone.',
  )
}

const SEPARATOR_LINE = /^\s*"?sep=(?<named>\t|[^\s"])"?(?:[,;|\s]|"")*$/iu
