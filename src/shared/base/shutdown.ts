import { readFileSync, readlinkSync } from 'node:fs'

/** Signals that ask a process to come to an end, and the exit code that shells give to each. */
export const EXIT_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
export type StopSignalName = keyof typeof EXIT_BY

/** Where signals come from: `process` is one. */
export interface Signals {
  /** The parent, where it is the process's own. */
  readonly ppid?: number
  on(name: StopSignalName, listener: () => void): unknown
  off(name: StopSignalName, listener: () => void): unknown
  exit(code: number): never
}

/**
 * Listens to the signals that ask to stop. A terminal that closes sends SIGHUP several times, from the
 * kernel and from its shell, and a session manager sends it right behind SIGTERM: so it never counts as
 * a repetition, nor is SIGINT or SIGTERM one of it.
 *
 * @param onStop told of each; `isRepeated` where SIGINT or SIGTERM came before this SIGINT or SIGTERM
 * @returns gives the signals back to whoever had them
 */
export function listenForStops(
  signals: Signals,
  onStop: (name: StopSignalName, isRepeated: boolean) => void,
): () => void {
  let wasTold = false
  const tell = (name: StopSignalName) => () => {
    const isRepeated = name !== 'SIGHUP' && wasTold
    wasTold ||= name !== 'SIGHUP'
    onStop(name, isRepeated)
  }
  const listeners = [
    ['SIGINT', tell('SIGINT')],
    ['SIGTERM', tell('SIGTERM')],
    ['SIGHUP', hangUpIsIgnored(signals) ? () => {} : tell('SIGHUP')],
  ] as const
  for (const [name, listener] of listeners) signals.on(name, listener)
  return () => {
    for (const [name, listener] of listeners) signals.off(name, listener)
  }
}

/** How a process is told to stop: once to come to an end, twice to end at once. */
interface StopSignal {
  readonly signal: AbortSignal
  readonly requested: Promise<void>
  forget(): void
}

export function stopSignal(signals: Signals): StopSignal {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = listenForStops(signals, (name, isRepeated) => {
    if (isRepeated) signals.exit(EXIT_BY[name])
    controller.abort(new Error(`Stopped by ${name}.`))
    resolve()
  })
  return { signal: controller.signal, requested: promise, forget }
}

/**
 * Whether whoever started this process wants it to outlive its terminal, as `nohup` does: SIGHUP was
 * ignored when it started. Node sets every signal back to its default before any of our code runs, so
 * its own status does not tell. On Linux two traces are left: GNU nohup puts `/dev/null`, opened for
 * writing alone, in place of a terminal as the input; and a script that ignores SIGHUP, or was started
 * by nohup itself, is our parent. Elsewhere nothing tells, and SIGHUP hands over.
 *
 * Looked at once, at the first call: a parent may end.
 */
export function hangUpIsIgnored({ ppid }: { readonly ppid?: number }): boolean {
  ignored ??= hasInputOfNohup() || (ppid !== undefined && ignoresHangUp(ppid))
  return ignored
}

let ignored: boolean | undefined

/** O_RDONLY is 0 in the last two bits of the flags, O_WRONLY 1. */
function hasInputOfNohup(): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(read('/proc/self/fdinfo/0'))?.[1]
  return (
    flags !== undefined &&
    (Number.parseInt(flags, 8) & 3) === 1 &&
    linkOf('/proc/self/fd/0') === '/dev/null'
  )
}

/** SIGHUP is signal 1: the lowest bit of the mask, in hexadecimal. */
function ignoresHangUp(pid: number): boolean {
  const mask = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(read(`/proc/${pid}/status`))?.[1]
  return mask !== undefined && (Number.parseInt(mask, 16) & 1) === 1
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Closes things that do not depend on each other, all at once. @throws AggregateError of all that would not close */
export async function closeEach<T>(
  things: Iterable<T>,
  close: (thing: T) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled([...things].map(close))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be closed.')
}
