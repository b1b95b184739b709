import { ID_LENGTH } from '../../shared/contract/record-id.ts'

/** The CSV of a delete: the header `Id`, then one 18-character id a line, LF, no BOM. */

export const HEADER = new TextEncoder().encode('Id\n')
export const LF = 10

/** One row: 15 characters, 3 of suffix, LF. */
export const ROW_BYTES = ID_LENGTH + 4

/** Bytes of the CSV that carries so many ids. */
export function csvLength(ids: number): number {
  return HEADER.length + ids * ROW_BYTES
}

/** How many ids fit a CSV of so many bytes. */
export function idsThatFit(bytes: number): number {
  return Math.floor((bytes - HEADER.length) / ROW_BYTES)
}
