import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** In the form of sha256sum(1), so that `sha256sum --check SHA256SUMS` says the same. */
const RECORD = 'SHA256SUMS'

/**
 * Records the SHA-256 of every file of an unpacked package. apt has checked the package by the
 * signature of its source; the record ties to that what lies in the cache later.
 */
export async function recordChecksums(root: string): Promise<void> {
  const draft = join(root, `${RECORD}.${process.pid}`)
  await writeFile(draft, await checksumsOf(root), { mode: 0o600 })
  await rename(draft, join(root, RECORD))
}

/** Whether the files are no longer what was recorded; null where nothing was. */
export async function isChanged(root: string): Promise<boolean | null> {
  const recorded = await readFile(join(root, RECORD), 'utf8').catch(() => null)
  return recorded === null ? null : recorded !== (await checksumsOf(root))
}

async function checksumsOf(root: string): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith(RECORD))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
  const lines = files.map(async (file) => `${await sha256Of(file)}  ${relative(root, file)}\n`)
  return (await Promise.all(lines)).join('')
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
