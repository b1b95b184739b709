import type { Status } from '../../shared/receipt.ts'
import type { Format } from '../screen.ts'

/** How a status is painted, wherever it is shown. */
export const STATUS_COLOUR: Record<Status, Format> = {
  queued: 'dim',
  planning: 'cyan',
  'awaiting-approval': 'yellow',
  deleting: 'cyan',
  completed: 'green',
  planned: 'green',
  incomplete: 'yellow',
  refused: 'red',
  cancelled: 'yellow',
  failed: 'red',
}
