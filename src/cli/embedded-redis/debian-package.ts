import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { messageOf } from '../../shared/base/errors.ts'
import { waitForLock } from './lock.ts'
import { lastLine, privateApt, TIMEOUT_MS } from './private-apt.ts'
import { cacheFolder, privateDirectory, untrustedInTree } from './private-directory.ts'

interface Options {
  readonly env: NodeJS.ProcessEnv
  readonly log: (line: string) => void
}
interface Versioned {
  readonly version: string
}
type Found<T> = T | { readonly problem: string }

/** A program that the system's packages contain. */
export interface Packaged<T extends Versioned> {
  /** Name in log lines, such as `Redis server`. */
  readonly title: string
  /** Name of its folder in the cache, such as `redis`. */
  readonly name: string
  /** Packages that contain it; the first one that works is used. */
  readonly packages: readonly string[]
  /** It is statically linked, so its package's dependencies are not needed. */
  readonly alone?: boolean
  /** Download size in megabytes. */
  readonly megabytes: number
  /** Looks for the program in an unpacked package and tries it. */
  find(root: string): Promise<Found<T>>
}

const run = promisify(execFile)
const DOWNLOAD = 'download-'

/**
 * A program from Debian's or Ubuntu's own package, fetched and unpacked into the cache without
 * root. It uses the machine's package sources, proxy and signing keys, but its own apt folders: the
 * machine's lists may be missing or out of date, and are not ours to write. The cached copy is used
 * only if nobody else can have changed it; otherwise it is fetched again.
 */
export async function unpackDebianPackage<T extends Versioned>(
  program: Packaged<T>,
  options: Options,
): Promise<Found<T>> {
  const cache = await cacheDirectory(options)
  if (typeof cache !== 'string') return cache
  // A home may be shared by machines with different systems.
  const unpacked = join(cache, `${program.name}-${await systemName()}-${process.arch}`)
  const cached = await findTrusted(program, unpacked, options.log)
  if (!('problem' in cached)) return cached
  if (!(await hasApt(options.env))) {
    return { problem: 'no apt-get and dpkg-deb here to fetch a package with' }
  }
  // Test files start in parallel: on a clean machine one fetches and the others wait for it.
  const lock = await waitForLock(`${unpacked}.lock`, Date.now() + TIMEOUT_MS)
  if (lock === null) return { problem: `another process has been fetching to ${cache} for long` }
  try {
    const meanwhile = await findTrusted(program, unpacked, () => {})
    return 'problem' in meanwhile
      ? await fetchPackage(program, options, cache, unpacked)
      : meanwhile
  } catch (error) {
    return { problem: `the package could not be fetched: ${lastLine(error)}` }
  } finally {
    lock.release()
  }
}

/** The cached program, if the cache is private and unchanged. */
async function findTrusted<T extends Versioned>(
  program: Packaged<T>,
  root: string,
  log: Options['log'],
): Promise<Found<T>> {
  const wrong = (await untrustedInTree(root)) ?? (await changeOf(root))
  if (wrong === null) return program.find(root)
  log(`Not used: ${wrong}.`)
  return { problem: wrong }
}

async function changeOf(root: string): Promise<string | null> {
  const changed = await isChanged(root)
  // A cache of an earlier version has no record: if only we could write to it, it is recorded as it
  // is.
  if (changed === null && existsSync(root)) await recordChecksums(root).catch(() => {})
  return changed === true ? `${root} is not as it was unpacked` : null
}

async function fetchPackage<T extends Versioned>(
  { title, name, packages, alone = false, megabytes, find }: Packaged<T>,
  { env, log }: Options,
  cache: string,
  target: string,
): Promise<Found<T>> {
  const started = Date.now()
  log(
    `No ${title} on the PATH: fetching the system's package once, about ${megabytes} MB, to ${cache}`,
  )
  await removeLeftovers(cache, name)
  const folder = await mkdtemp(join(cache, `${DOWNLOAD}${name}-`))
  try {
    const apt = await privateApt(folder, packages, env)
    const problems = await apt.update()
    for (const packageName of packages) {
      const root = join(folder, packageName)
      const fetched = await apt.unpack(packageName, root, alone).then(() => find(root), problemOf)
      if ('problem' in fetched) {
        problems.push(`${packageName}: ${fetched.problem}`)
        continue
      }
      await recordChecksums(root)
      await rm(target, { recursive: true, force: true })
      await rename(root, target)
      log(
        `Fetched ${packageName} ${fetched.version} in ${((Date.now() - started) / 1000).toFixed(1)} s`,
      )
      return await find(target)
    }
    return { problem: `no package served: ${problems.join('; ')}` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function cacheDirectory({
  env,
  log,
}: Options): Promise<string | { readonly problem: string }> {
  // A service user may have no home.
  const choices = [cacheFolder(env), join(tmpdir(), `expunge-${process.getuid?.() ?? 'cache'}`)]
  const problems: string[] = []
  for (const choice of choices) {
    try {
      await privateDirectory(choice, 'Choose another with XDG_CACHE_HOME.')
      return choice
    } catch (error) {
      problems.push(messageOf(error))
      log(messageOf(error))
    }
  }
  return { problem: `no folder to keep it in: ${problems.join('; ')}` }
}

async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const field = (name: string): string =>
    new RegExp(`^${name}="?([\\w.-]+)"?$`, 'm').exec(release)?.[1] ?? ''
  return `${field('ID')}${field('VERSION_ID')}` || process.platform
}

async function hasApt(env: NodeJS.ProcessEnv): Promise<boolean> {
  const answers = ['apt-get', 'dpkg-deb'].map((name) =>
    run(name, ['--version'], { env: { ...env } }),
  )
  return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')
}

/** Removes what a killed process left. Only our own download can run while we hold the lock. */
async function removeLeftovers(cache: string, name: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(`${DOWNLOAD}${name}-`)) {
      await rm(join(cache, entry), { recursive: true, force: true })
    }
  }
}

const problemOf = (error: unknown): { problem: string } => ({ problem: lastLine(error) })

/** In the format of sha256sum(1), so that `sha256sum --check SHA256SUMS` can verify it. */
const RECORD = 'SHA256SUMS'

/**
 * Records the SHA-256 of every file of an unpacked package. apt verified the package by the
 * signature of its source; the record ties the cached files to it.
 */
async function recordChecksums(root: string): Promise<void> {
  const draft = join(root, `${RECORD}.${process.pid}`)
  await writeFile(draft, await checksumsOf(root), { mode: 0o600 })
  await rename(draft, join(root, RECORD))
}

/** Whether the files differ from the record; null if there is none. */
async function isChanged(root: string): Promise<boolean | null> {
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
