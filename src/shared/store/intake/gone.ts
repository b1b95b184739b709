import { ExpungeError } from '../../base/errors.ts'
import type { TerminalStatus } from '../../contract/receipt.ts'
import type { Tombstone } from '../ledger/tombstone.ts'
import type { Submission } from './enter.ts'

/** The id was a request's whose record has expired: it is not run a second time. */
export class GoneError extends ExpungeError {
  readonly code = 'ID_GONE'
  readonly status: TerminalStatus
  /** RFC 3339. */
  readonly finishedAt: string
  /** Whether it had the same content as the request that came now; null where that is not known. */
  readonly sameContent: boolean | null

  constructor(org: string, submission: Submission, tombstone: Tombstone) {
    const { status } = tombstone
    const finishedAt = new Date(tombstone.finishedAt).toISOString()
    const sameContent = isSame(submission, tombstone)
    super(
      `Request ${submission.request.id} of org ${org} ended ${status} at ${finishedAt}, and its record has expired. ` +
        `${inWords(sameContent)} It is not run again. Use another id for a new request.`,
    )
    this.status = status
    this.finishedAt = finishedAt
    this.sameContent = sameContent
  }
}

function isSame({ bodyHash, request: { source } }: Submission, then: Tombstone): boolean | null {
  if (bodyHash !== then.bodyHash) return false
  if (source.type !== 'file') return true
  if (source.sha256 === undefined || then.sha256 === null) return null
  return source.sha256 === then.sha256
}

function inWords(sameContent: boolean | null): string {
  if (sameContent === null) return 'Whether it had the same content is not known.'
  return sameContent ? 'It had the same content.' : 'It had other content.'
}
