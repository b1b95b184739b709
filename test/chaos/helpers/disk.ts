import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import type { Scope } from './scope.ts'

const run = promisify(execFile)

/** The disk of the results: a mount of its own where we may mount, so that it can be full or gone. */
export interface Disk {
  /** Null where nothing was mounted: then nothing can be done to it. */
  readonly mishaps: { fill(): Promise<void>; unmount(): Promise<void> } | null
  /** Whether it was full or gone within the last seconds, or is so now. */
  readonly wasUnwell: boolean
  /** It has room, and is where it was. */
  heal(): Promise<void>
}

/** A process that began while the disk was unwell may notice only now. */
const UNWELL_FOR_MS = 10_000

const SIZE = '64m'

export async function openDisk(scope: Scope, folder: string): Promise<Disk> {
  // A tmpfs loses its files when it is unmounted; what is bound to the folder is only hidden.
  const store = `${folder}-disk`
  if (!(await isMounted(store, folder))) {
    return { mishaps: null, wasUnwell: false, heal: async () => {} }
  }
  let isBound = true
  let isFull = false
  let healedAt = Number.NEGATIVE_INFINITY
  scope.after(async () => {
    if (isBound) await run('umount', ['-l', folder])
    await run('umount', ['-l', store])
  })
  const ballast = join(store, 'ballast')
  // Mishaps of several orgs share the disk: one that unmounted it while another healed it left it so.
  let last = Promise.resolve()
  const inTurn = (deed: () => Promise<void>) => {
    last = last.then(deed, deed)
    return last
  }
  return {
    mishaps: {
      fill: () =>
        inTurn(async () => {
          isFull = true
          // It ends with ENOSPC, and the disk is full then.
          await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M']).catch(() => {})
        }),
      unmount: () =>
        inTurn(async () => {
          if (!isBound) return
          isBound = false
          await run('umount', ['-l', folder])
        }),
    },
    get wasUnwell() {
      return !isBound || isFull || performance.now() - healedAt < UNWELL_FOR_MS
    },
    heal: () =>
      inTurn(async () => {
        if (!isBound) await run('mount', ['--bind', join(store, 'results'), folder])
        await rm(ballast, { force: true })
        isBound = true
        isFull = false
        healedAt = performance.now()
      }),
  }
}

async function isMounted(store: string, folder: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return false
  try {
    await run('mkdir', ['-p', store])
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'expunge-chaos', store])
    await run('mkdir', [join(store, 'results')])
    await run('mount', ['--bind', join(store, 'results'), folder])
    return true
  } catch {
    return false
  }
}
