import type { ResultFile } from '../contract/receipt.ts'
import { bucketReader, openBucket } from './bucket/store.ts'
import { directoryReader, openDirectory } from './directory/store.ts'
import type {
  OpenFile,
  RequestFolder,
  ResultsPlace,
  ResultsReader,
  ResultsStore,
} from './results-store.ts'

/**
 * Opens the store and reads its id. Creates the place and the id if they are missing.
 *
 * @param signal ends calls to a bucket, which may take minutes if it does not answer
 */
export const openResultsStore = (
  place: ResultsPlace,
  signal?: AbortSignal,
): Promise<ResultsStore> =>
  place.kind === 'directory' ? openDirectory(place.path) : openBucket(place, signal)

export const readResults = (place: ResultsPlace): ResultsReader =>
  place.kind === 'directory' ? directoryReader(place.path) : bucketReader(place)

/** Opens a result file of a receipt; null if it is not as it was written. */
export async function openIntact(
  reader: ResultsReader,
  request: RequestFolder,
  file: ResultFile,
): Promise<OpenFile | null> {
  return (await reader.isAsWritten(request, file)) ? reader.openFile(request, file) : null
}
