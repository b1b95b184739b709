import { directoryReader, openDirectory } from './directory/store.ts'
import type { ResultsPlace, ResultsReader, ResultsStore } from './results-store.ts'

/** Opens the store and reads its id. Creates the place and the id if they are missing. */
export function openResultsStore({ path }: ResultsPlace): Promise<ResultsStore> {
  return openDirectory(path)
}

export function readResults({ path }: ResultsPlace): ResultsReader {
  return directoryReader(path)
}
