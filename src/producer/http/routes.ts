import type { Route } from './route.ts'
import { approveRoute, cancelRoute } from './routes/act.ts'
import { listRoute } from './routes/list.ts'
import { priorityRoute } from './routes/priority.ts'
import { readCsvRoute, readRoute } from './routes/read.ts'
import { resultsRoute } from './routes/results.ts'
import { retryRoute } from './routes/retry.ts'
import { submitRoute, uploadRoute } from './routes/submit.ts'

/** The API's routes, in the order of its document. */
export const ROUTES: readonly Route[] = [
  submitRoute,
  listRoute,
  uploadRoute,
  readRoute,
  readCsvRoute,
  approveRoute,
  cancelRoute,
  priorityRoute,
  retryRoute,
  resultsRoute,
]
