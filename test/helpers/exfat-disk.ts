import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getuid } from 'node:process'
import { promisify } from 'node:util'
import { type Packaged, unpackDebianPackage } from '../../src/cli/embedded-redis/debian-package.ts'
import { messageOf } from '../../src/shared/base/errors.ts'

/**
 * A real file system without hard links, modes of its own and colons in names: exFAT by FUSE, of the
 * programs on the PATH, else of Debian's packages, unpacked into the user's cache.
 */

const run = promisify(execFile)

interface Tool {
  readonly command: string
  readonly env: NodeJS.ProcessEnv
  readonly version: string
}

const toolOf = (name: string, alone: boolean): Packaged<Tool> => ({
  title: name,
  name,
  packages: [name],
  alone,
  megabytes: 1,
  find: (root) => started(name === 'exfatprogs' ? 'mkfs.exfat' : 'mount.exfat-fuse', root),
})

/** Asked for its version or its usage: the proof that it runs here. */
async function started(
  command: string,
  root: string,
): Promise<Tool | { readonly problem: string }> {
  const folders = ['usr/sbin', 'sbin', 'usr/bin', 'bin'].map((folder) => join(root, folder))
  const libraries = ['lib', 'usr/lib'].map((lib) => join(root, lib, `${MACHINE}-linux-gnu`))
  const env = {
    PATH: [...folders, process.env['PATH']].join(':'),
    LD_LIBRARY_PATH: libraries.join(':'),
  }
  try {
    const { stdout } = await run(command, ['-V'], { env, timeout: 10_000 })
    return { command, env, version: stdout.trim() }
  } catch (error) {
    // mkfs.exfat tells its version as a failure.
    const version = error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : ''
    if (version !== '') return { command, env, version }
    return { problem: `${command} does not start: ${messageOf(error).trim()}` }
  }
}

const MACHINE = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

async function find(tool: Packaged<Tool>): Promise<Tool> {
  const onPath = await tool.find('/')
  if (!('problem' in onPath)) return onPath
  const log = (line: string) => console.error(`# ${line}`)
  const fetched = await unpackDebianPackage(tool, { env: process.env, log })
  if ('problem' in fetched) throw new Error(fetched.problem)
  return fetched
}

interface Scope {
  after(fn: () => Promise<unknown>): void
}

/** Mounts one on the folder. A reason where that cannot be here; null where it is mounted. */
export async function exfatDisk(t: Scope, path: string): Promise<string | null> {
  if (getuid?.() !== 0) return 'no right to mount'
  const missing = ['/dev/fuse', '/dev/loop-control'].filter((device) => !existsSync(device))
  if (missing.length > 0) return `no ${missing.join(', ')}`
  const image = `${path}.image`
  try {
    const make = await find(toolOf('exfatprogs', true))
    const mount = await find(toolOf('exfat-fuse', false))
    await writeFile(image, '')
    await truncate(image, 16 * 1024 * 1024)
    await mkdir(path, { recursive: true })
    await run(make.command, [image], { env: make.env })
    const { stdout } = await run('losetup', ['--find', '--show', image])
    const device = stdout.trim()
    t.after(() => run('losetup', ['--detach', device]))
    await run(mount.command, [device, path], { env: mount.env, timeout: 20_000 })
    t.after(() => run('umount', ['--lazy', path]))
    return null
  } catch (error) {
    return `no exFAT by FUSE: ${messageOf(error).trim()}`
  }
}
