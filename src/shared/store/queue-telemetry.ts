import type { Telemetry } from 'bullmq'

/**
 * What BullMQ's queues and workers of this process are given, so that a job goes on in the trace of
 * whoever ordered it. One for the process, as the channels are: the library's surface need not know.
 */
let current: Telemetry | undefined

export function setQueueTelemetry(telemetry: Telemetry | undefined): void {
  current = telemetry
}

/** As an option of a queue or worker; none where nothing is traced. */
export function queueTelemetry(): { readonly telemetry?: Telemetry } {
  return current === undefined ? {} : { telemetry: current }
}
