import type { Status } from '../../shared/contract/receipt.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import type { Format } from '../paint.ts'

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

/** What happens to a request whose flag is raised. */
export function stoppingWords(reason: NonNullable<RequestView['stopping']>): string {
  switch (reason) {
    case 'cancelled':
      return 'being cancelled …'
    case 'declined':
      return 'being turned down …'
    case 'not-approved':
      return 'not approved in time, ending …'
    case 'deadline':
      return 'past its deadline, ending …'
    case 'brake':
      return 'past its failure ratio, ending …'
    default:
      throw new TypeError(`Unknown reason ${String(reason satisfies never)}`)
  }
}
