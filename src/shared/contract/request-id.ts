import { randomInt } from 'node:crypto'

/** Unique in its org, compared without case: it names a folder, and folders may not know case. */
export const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** For a request whose caller gave none. */
export function generateId(now: number): string {
  return stampedId(now, Array.from({ length: 6 }, () => randomInt(36).toString(36)).join(''))
}

/** Readable, sortable by time and without case, so that it can be told over the telephone. */
export function stampedId(at: number, tail: string): string {
  const stamp = new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${stamp}-${tail}`
}
