import { z } from 'zod'
import { InvalidRequestError } from '../../shared/contract/request-problems.ts'
import type { ListPosition } from '../../shared/store/ledger/read.ts'

const placeSchema = z.tuple([z.int().min(0), z.string().max(128)])

/** A place in the list of requests as text of which callers need to know nothing. */
export function cursorAt({ submittedAt, id }: ListPosition): string {
  return Buffer.from(JSON.stringify([submittedAt, id])).toString('base64url')
}

/** @throws InvalidRequestError where it is none of ours */
export function placeAt(cursor: string): ListPosition {
  const parsed = placeSchema.safeParse(jsonIn(Buffer.from(cursor, 'base64url').toString()))
  if (!parsed.success) {
    throw new InvalidRequestError([
      { field: 'cursor', message: 'expected the `next` of a page before' },
    ])
  }
  const [submittedAt, id] = parsed.data
  return { submittedAt, id }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
