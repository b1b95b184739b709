import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import { type Staging, StagingError } from '../../shared/store/staging/staging.ts'
import { IdSet } from '../ids/id-set.ts'
import type { ChunkBook } from './chunk-book.ts'

/** Which chunks of an ingest job sent an id. Ids come in 18 characters. */
export interface Senders extends Disposable {
  /** Empty if the id was not sent. */
  of(id: Buffer): readonly ChunkBook[]
}

const NOBODY: readonly ChunkBook[] = []

/**
 * The ids of a chunk that travels alone: there may be millions.
 *
 * @throws StagingError if some are no longer staged
 */
export async function onlySender(book: ChunkBook, staging: Staging): Promise<Senders> {
  const { ref } = book
  const sent = new IdSet()
  const own = [book]
  const senders = {
    of: (id: Buffer) => (sent.has(id, 0) ? own : NOBODY),
    [Symbol.dispose]: () => sent.dispose(),
  }
  try {
    for await (const ids of staging.read(ref, ref.chunk)) {
      sent.addAll(ids, new Uint8Array(ids.length / ID_LENGTH))
    }
    if (sent.size === ref.count) return senders
    throw new StagingError(
      `Chunk ${ref.chunk} of request ${ref.request}: ${ref.count} ids were sent, but ${sent.size} are staged now, ` +
        'so its results cannot be told apart. See the ingest job in Salesforce.',
    )
  } catch (error) {
    sent.dispose()
    throw error
  }
}

/** The ids of chunks that share a job. Each id is looked up once, however many chunks there are. */
export function sharedSenders(
  books: readonly ChunkBook[],
  ids: ReadonlyMap<ChunkRef, Uint8Array>,
): Senders {
  const senders = new Map<string, ChunkBook[]>()
  for (const book of books) {
    const own = Buffer.from(ids.get(book.ref) ?? [])
    for (let at = 0; at < own.length; at += ID_LENGTH) {
      const id = own.toString('latin1', at, at + ID_LENGTH)
      const known = senders.get(id)
      if (known === undefined) senders.set(id, [book])
      else known.push(book)
    }
  }
  return {
    of: (id) => senders.get(id.toString('latin1', 0, ID_LENGTH)) ?? NOBODY,
    [Symbol.dispose]: () => senders.clear(),
  }
}
