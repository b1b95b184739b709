import { randomUUID } from 'node:crypto'
import { ExpungeError } from './errors.ts'
import type { RequestRecord } from './ledger/record.ts'
import type { OrgStore } from './org-store.ts'
import { bodyHash, type DeletionRequest, type Staged, toStored } from './request.ts'

/** The id is taken by another request. */
export class ConflictError extends ExpungeError {
  readonly code = 'ID_TAKEN'
}

export interface Submitted {
  readonly record: RequestRecord
  /** False where the same request was there already. */
  readonly created: boolean
}

/**
 * Takes a request in: its ids are staged, it is entered into the ledger, its plan is ordered. Every
 * door leads here. A crash on the way leaves nothing half-accepted: before the ledger has it the
 * caller has no answer, after that the sweep orders its plan again.
 *
 * @param upload the bytes of an `upload` source
 * @throws ConflictError where the id belongs to another request
 */
export async function submit(
  store: OrgStore,
  request: DeletionRequest,
  now: number,
  upload?: AsyncIterable<Uint8Array>,
): Promise<Submitted> {
  const { ledger, orders } = store
  const bytes = bytesOf(request, upload)
  const staged = bytes === null ? null : await stageUpload(store, request.id, bytes)
  const stored = toStored(request)
  const acceptance = await ledger.accept({
    request: stored,
    bodyHash: bodyHash(stored, staged),
    staged,
    submittedAt: now,
  })
  if (acceptance !== 'accepted' && staged !== null) {
    await store.staging.drop({ request: request.id, lot: staged.lot })
  }
  const record = await ledger.load(request.id)
  if (record === null) throw new TypeError(`The ledger has lost request ${request.id}.`)
  switch (acceptance) {
    case 'accepted':
      await orders.plan(request.id, request.priority)
      return { record, created: true }
    case 'existing':
      return { record, created: false }
    case 'conflict':
      throw new ConflictError(
        `Request ${request.id} exists in org ${store.org} with other content (${record.request.object}, ` +
          `${record.status}, submitted ${new Date(record.submittedAt).toISOString()}). Use another id, or none.`,
      )
    default:
      throw new TypeError(`Unknown answer ${String(acceptance satisfies never)}`)
  }
}

function bytesOf(
  { source }: DeletionRequest,
  upload: AsyncIterable<Uint8Array> | undefined,
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null {
  switch (source.type) {
    case 'ids':
      return [new TextEncoder().encode(['Id', ...source.ids, ''].join('\n'))]
    case 'upload':
      if (upload === undefined) throw new TypeError('A request with an upload needs its bytes.')
      return upload
    case 'file':
      return null
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}

async function stageUpload(
  { staging }: OrgStore,
  request: string,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Staged> {
  const lot = { request, lot: `u-${randomUUID()}` }
  const writer = staging.write(lot, 0)
  for await (const block of bytes) await writer.write(block)
  return { lot: lot.lot, ...(await writer.end()) }
}
