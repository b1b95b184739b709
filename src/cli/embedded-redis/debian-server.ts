import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Packaged } from './debian-package.ts'
import { probeServer, type RedisServer } from './redis-version.ts'

const PACKAGES = ['redis-server', 'valkey-server'] as const

/** The server as Debian and Ubuntu package it: under the name of its package. */
export const DEBIAN_SERVER: Packaged<RedisServer> = {
  title: 'Redis server',
  name: 'redis',
  packages: PACKAGES,
  megabytes: 10,
  find: async (root) => {
    const libraries = await libraryFolders(root)
    const env = libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(delimiter) } : {}
    const programs = PACKAGES.map((name) => join(root, 'usr/bin', name))
    const command = programs.find((program) => existsSync(program))
    return command === undefined
      ? { problem: 'it brought no server' }
      : await probeServer({ command, env, origin: root })
  },
}

/** `usr/lib`, `lib`, and the folder of the machine's architecture in each (`x86_64-linux-gnu`). */
async function libraryFolders(root: string): Promise<string[]> {
  const folders: string[] = []
  for (const folder of [join(root, 'usr/lib'), join(root, 'lib')]) {
    const entries = await readdir(folder).catch(() => [])
    const triplets = entries.filter((entry) => entry.includes('-linux-'))
    folders.push(...triplets.map((triplet) => join(folder, triplet)))
  }
  return folders
}
