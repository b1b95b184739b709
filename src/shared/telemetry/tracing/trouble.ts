import { DiagLogLevel, diag } from '@opentelemetry/api'
import { setGlobalErrorHandler } from '@opentelemetry/core'
import { codeOf, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'

/** A collector may be away for weeks. */
const TELL_EVERY_MS = 10 * 60_000

/**
 * Tells the log that traces do not arrive, at once and then rarely: work goes on without them. Of
 * the SDK's own words none is logged, for some quote headers, and these may hold secrets.
 */
export function tellOfTrouble(log: Logger, endpoint: string): (error: unknown) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return (error) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    log.warn(
      { endpoint, reason: codeOf(error) ?? messageOf(error) },
      'Traces do not reach their collector and are dropped; work goes on. This is said every ten minutes at most.',
    )
  }
}

/** What the SDK would say goes to `tell`: exports that failed, and spans that found no room. */
export function hearTrouble(tell: (error: unknown) => void): void {
  setGlobalErrorHandler(tell)
  const ignore = () => {}
  const warn = (message: string) => {
    if (message.startsWith('Dropped')) tell(new Error('more spans than the collector takes'))
  }
  const logger = { error: ignore, warn, info: ignore, debug: ignore, verbose: ignore }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

export function deafen(): void {
  setGlobalErrorHandler(() => {})
  diag.disable()
}
