import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'

const exec = promisify(execFile)

interface Scope {
  after(fn: () => Promise<unknown>): void
}

/** A disk that can run full or be lost; mounting one takes root. */
export interface SmallDisk {
  /** The same store again, on its mount point. */
  mount(): Promise<void>
  /** What had been written is hidden, as when a network file system goes away. */
  unmount(): Promise<void>
}

/** Mounts a file system of this size on the folder. Null where that is not allowed here. */
export async function smallDisk(t: Scope, path: string, bytes: number): Promise<SmallDisk | null> {
  // The file system itself is held elsewhere, so that the mount point can lose it and get it back.
  const held = `${path}.held`
  await mkdir(held)
  await mkdir(path, { recursive: true })
  try {
    await exec('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', held])
  } catch {
    return null
  }
  const mount = async () => void (await exec('mount', ['--bind', held, path]))
  const unmount = async () => void (await exec('umount', ['--lazy', path]))
  await mount()
  t.after(async () => {
    await unmount().catch(() => {})
    await exec('umount', ['--lazy', held])
  })
  return { mount, unmount }
}
