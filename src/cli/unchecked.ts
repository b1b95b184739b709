import type { Plan } from '../shared/contract/receipt.ts'
import { UsageError } from './exit.ts'
import { counted } from './render/numbers.ts'

/** How somebody was asked, or was not. */
interface Consent {
  readonly yes?: true
  readonly acceptUnchecked?: true
}

/**
 * A plan that was made to be asked about may hold ids without checksum; `--yes` alone is no answer to that.
 *
 * @throws UsageError
 */
export function assertChecked({ unchecked }: Plan, { yes, acceptUnchecked }: Consent): void {
  if (!yes || acceptUnchecked || unchecked === 0) return
  throw new UsageError(
    `${counted(unchecked, 'id')} in the plan ${unchecked === 1 ? 'has' : 'have'} 15 characters and no checksum, and --yes does not accept ` +
      'them. Add --accept-unchecked, or leave --yes out to be asked. The request waits.',
  )
}
