import { readFileSync, readlinkSync } from 'node:fs'

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
