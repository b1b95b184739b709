import { Readable } from 'node:stream'
import type { DeletionRequestInput } from '../../../src/producer/producer.ts'
import type { Door, Errand } from './load.ts'
import type { Place } from './place.ts'

/** Every way in. Each may be tried again with the same request, whatever became of the first try. */

interface Entry {
  readonly errand: Errand
  readonly request: DeletionRequestInput
}

export async function enterBy(door: Door, entry: Entry, place: Place): Promise<void> {
  switch (door) {
    case 'library':
      await place.producer.submit(entry.request)
      return
    case 'upload':
      await place.producer.submit(entry.request, Readable.from([csvOf(entry.errand)]))
      return
    case 'http':
      return overHttp(entry, place)
    case 'bullmq':
      return byJob(entry, place)
    default:
      throw new TypeError(`Unknown door ${String(door satisfies never)}`)
  }
}

const csvOf = ({ records }: Errand): Buffer => Buffer.from(['Id', ...records.rows, ''].join('\n'))

/** The service may have been killed a moment ago. */
async function overHttp({ request }: Entry, { service }: Place): Promise<void> {
  const answer = await fetch(`${service}/v1/deletion-requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}

/** As the README tells those who speak nothing but BullMQ. */
async function byJob({ request }: Entry, { door, kept }: Place): Promise<void> {
  const options = { jobId: `r-${request.id}`, attempts: 3 }
  await kept(() => door.add('deletion-request', request, options))
}
