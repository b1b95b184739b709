import { bucketReader, openBucket } from './bucket/store.ts'
import { directoryReader, openDirectory } from './directory/store.ts'
import type { ResultsPlace, ResultsReader, ResultsStore } from './results-store.ts'

/** Opens the store and reads its id. Creates the place and the id if they are missing. */
export const openResultsStore = (place: ResultsPlace): Promise<ResultsStore> =>
  place.kind === 'directory' ? openDirectory(place.path) : openBucket(place)

export const readResults = (place: ResultsPlace): ResultsReader =>
  place.kind === 'directory' ? directoryReader(place.path) : bucketReader(place)
