import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../shared/errors.ts'
import { waitForLock } from './lock.ts'
import { privateDirectory } from './private-directory.ts'
import { type Env, probeServer, type RedisServer } from './redis-version.ts'

interface Options {
  readonly env: Env
  readonly log: (line: string) => void
}
type Found = RedisServer | { readonly problem: string }

const run = promisify(execFile)
const PACKAGES = ['redis-server', 'valkey-server'] as const
const DOWNLOAD = 'download-'

// A slow line, and the wait for another process that downloads.
const PATIENCE = 300_000

/**
 * The server of Debian's or Ubuntu's own package, fetched and unpacked as any user into the cache.
 * It uses the machine's package sources, proxy and signing keys, but apt folders of its own: the
 * machine's lists may be missing, are often out of date, and are not ours to write.
 */
export async function unpackDebianServer(options: Options): Promise<Found> {
  const cache = await cacheDirectory(options.env)
  if (typeof cache !== 'string') return cache
  // A home may be shared by machines with different systems.
  const unpacked = join(cache, `redis-${await systemName()}-${process.arch}`)
  const cached = await serverIn(unpacked)
  if (!('problem' in cached)) return cached
  if (!(await hasApt(options.env))) {
    return { problem: 'no apt-get and dpkg-deb here to fetch a package with' }
  }
  // Test files start side by side: on a clean machine one fetches and the others wait for it.
  const lock = await waitForLock(`${unpacked}.lock`, Date.now() + PATIENCE)
  if (lock === null) return { problem: `another process has been fetching to ${cache} for long` }
  try {
    const meanwhile = await serverIn(unpacked)
    return 'problem' in meanwhile ? await fetchServer(options, cache, unpacked) : meanwhile
  } catch (error) {
    return { problem: `the package could not be fetched: ${lastWords(error)}` }
  } finally {
    lock.release()
  }
}

async function fetchServer({ env, log }: Options, cache: string, target: string): Promise<Found> {
  const started = Date.now()
  log(`No Redis server on the PATH: fetching the system's package once, about 10 MB, to ${cache}`)
  await sweep(cache)
  const room = await mkdtemp(join(cache, DOWNLOAD))
  try {
    const apt = await privateApt(room, env)
    const problems = await apt.update()
    for (const name of PACKAGES) {
      const root = join(room, name)
      const fetched = await apt.unpack(name, root).then(() => serverIn(root), problemOf)
      if ('problem' in fetched) {
        problems.push(`${name}: ${fetched.problem}`)
        continue
      }
      await rm(target, { recursive: true, force: true })
      await rename(root, target)
      log(`Fetched ${name} ${fetched.version} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
      return await serverIn(target)
    }
    return { problem: `no package served: ${problems.join('; ')}` }
  } finally {
    await rm(room, { recursive: true, force: true })
  }
}

interface PrivateApt {
  /** Gives what went wrong. */
  update(): Promise<string[]>
  /** Unpacks the package and whatever it needs that this machine lacks. */
  unpack(name: string, into: string): Promise<void>
}

async function privateApt(room: string, env: Env): Promise<PrivateApt> {
  const settings = join(room, 'apt.conf')
  const archives = join(room, 'archives')
  await Promise.all([
    mkdir(join(room, 'state/lists/partial'), { recursive: true }),
    mkdir(join(archives, 'partial'), { recursive: true }),
    writeFile(settings, aptSettings(room)),
  ])
  const aptEnv = { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const options = { env: aptEnv, timeout: PATIENCE, maxBuffer: 16 * 1024 * 1024 }
  return {
    update: async () => {
      // No failure yet: one broken source among the machine's many does not matter where another
      // has the package, and apt itself takes an unreachable one for a mere warning.
      const done = run('apt-get', ['-c', settings, '-qq', 'update'], options)
      const { stderr } = await done.catch((error: unknown) => ({ stderr: lastWords(error) }))
      return stderr === '' ? [] : [`apt-get update: ${stderr.trim().split('\n')[0]}`]
    },
    unpack: async (name, into) => {
      await mkdir(into)
      await run('apt-get', ['-c', settings, '-qq', '--download-only', 'install', name], options)
      for (const file of await readdir(archives)) {
        if (!file.endsWith('.deb')) continue
        await run('dpkg-deb', ['--extract', join(archives, file), into], options)
        await rm(join(archives, file))
      }
    },
  }
}

/** Read after the machine's own settings, so that what it says of sources and proxies holds. */
function aptSettings(room: string): string {
  return `Dir::State "${room}/state";
Dir::State::lists "${room}/state/lists";
Dir::Cache "${room}";
Dir::Cache::archives "${room}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
// Hooks of the machine are for its own folders.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear Acquire::Languages;
Acquire::Languages { "none"; };
Acquire::Retries "2";
// As root, apt would download as the user _apt, who cannot enter a private folder.
APT::Sandbox::User "root";
// Another user may only look at the package database; we install nothing into it.
Debug::NoLocking "true";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
`
}

async function serverIn(root: string): Promise<Found> {
  const libraries = await libraryFolders(root)
  const env = libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(delimiter) } : {}
  const programs = PACKAGES.map((name) => join(root, 'usr/bin', name))
  const command = programs.find((program) => existsSync(program))
  return command === undefined
    ? { problem: 'it brought no server' }
    : await probeServer({ command, env, origin: root })
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

async function cacheDirectory(env: Env): Promise<string | { readonly problem: string }> {
  const set = env['XDG_CACHE_HOME'] ?? ''
  const base = isAbsolute(set) ? set : join(env['HOME'] || homedir(), '.cache')
  // A service user may have no home at all.
  const choices = [
    join(base, 'expunge'),
    join(tmpdir(), `expunge-${process.getuid?.() ?? 'cache'}`),
  ]
  const problems: string[] = []
  for (const choice of choices) {
    try {
      await privateDirectory(choice, 'Choose another with XDG_CACHE_HOME.')
      return choice
    } catch (error) {
      problems.push(messageOf(error))
    }
  }
  return { problem: `no folder to keep a server in: ${problems.join('; ')}` }
}

async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const field = (name: string): string =>
    new RegExp(`^${name}="?([\\w.-]+)"?$`, 'm').exec(release)?.[1] ?? ''
  return `${field('ID')}${field('VERSION_ID')}` || process.platform
}

async function hasApt(env: Env): Promise<boolean> {
  const answers = ['apt-get', 'dpkg-deb'].map((name) =>
    run(name, ['--version'], { env: { ...env } }),
  )
  return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')
}

/** What a killed process left; ours is the only download while we hold the lock. */
async function sweep(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(DOWNLOAD)) await rm(join(cache, entry), { recursive: true, force: true })
  }
}

const problemOf = (error: unknown): { problem: string } => ({ problem: lastWords(error) })

function lastWords(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
  return (stderr.trim() || messageOf(error)).split('\n').at(-1) ?? ''
}
