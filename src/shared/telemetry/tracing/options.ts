import type { Logger } from '../../base/logger.ts'

export interface TracingOptions {
  readonly role: 'producer' | 'worker'
  readonly version: string
  /** API names of what may be deleted. */
  readonly objects: Iterable<string>
  readonly log: Logger
}
