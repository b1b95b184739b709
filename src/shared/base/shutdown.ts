import { readFileSync, readlinkSync } from 'node:fs'

/** Signals that ask a process to stop, each with its conventional exit code. */
export const EXIT_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
export type StopSignalName = keyof typeof EXIT_BY

/** Where signals come from, such as `process`. */
export interface Signals {
  /** The parent's process id, if these are the signals of a real process. */
  readonly ppid?: number
  on(name: StopSignalName, listener: () => void): unknown
  off(name: StopSignalName, listener: () => void): unknown
  exit(code: number): never
}

/**
 * Listens for stop signals. A closing terminal sends SIGHUP several times (kernel and shell), and a
 * session manager sends it right after SIGTERM. Therefore SIGHUP never counts as a repeated signal, and
 * a SIGINT or SIGTERM after it does not either.
 *
 * @param onStop called for each; `isRepeated` if a SIGINT or SIGTERM came before this SIGINT or SIGTERM
 * @returns removes the listeners
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

/** A request to stop: the first signal asks for a clean stop, the second ends the process at once. */
interface StopSignal {
  readonly signal: AbortSignal
  readonly requested: Promise<void>
  forget(): void
}

export function stopSignal(signals: Signals): StopSignal {
  const controller = new AbortController()
  const { signal } = controller
  const requested = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve())
  })
  const forget = listenForStops(signals, (name, isRepeated) => {
    if (isRepeated) signals.exit(EXIT_BY[name])
    controller.abort(new Error(`Stopped by ${name}.`))
  })
  return { signal, requested, forget }
}

/**
 * Whether this process was started to outlive its terminal, as with `nohup`: SIGHUP was ignored at its
 * start. Node resets all signals before our code runs, so the process's own status does not show it.
 * On Linux two signs remain: GNU nohup replaces a terminal as stdin by `/dev/null`, opened write-only;
 * and the parent process, a script that ignores SIGHUP or was itself started by nohup, still ignores it.
 * On other systems there is no sign, and SIGHUP stops the process.
 *
 * Evaluated once, at the first call, because the parent may end.
 */
export function hangUpIsIgnored({ ppid }: { readonly ppid?: number }): boolean {
  ignored ??= hasInputOfNohup() || (ppid !== undefined && ignoresHangUp(ppid))
  return ignored
}

let ignored: boolean | undefined

/** The last two bits of the flags are 0 for O_RDONLY, 1 for O_WRONLY. */
function hasInputOfNohup(): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(read('/proc/self/fdinfo/0'))?.[1]
  return (
    flags !== undefined &&
    (Number.parseInt(flags, 8) & 3) === 1 &&
    linkOf('/proc/self/fd/0') === '/dev/null'
  )
}

/** SIGHUP is signal 1, the lowest bit of the hexadecimal mask. */
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

/** Closes independent things concurrently. @throws AggregateError of all that failed to close */
export async function closeEach<T>(
  things: Iterable<T>,
  close: (thing: T) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled([...things].map(close))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be closed.')
}
