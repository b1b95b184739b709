import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../shared/base/errors.ts'

const run = promisify(execFile)

/** Milliseconds, for a slow connection and for waiting for another process that downloads. */
export const TIMEOUT_MS = 300_000

interface PrivateApt {
  /** Returns the problems that occurred. */
  update(): Promise<string[]>
  /** Unpacks the package and, unless `alone`, its dependencies that this machine lacks. */
  unpack(name: string, into: string, alone: boolean): Promise<void>
}

/**
 * Runs apt with its own folders in `folder`, so that any user may run it.
 *
 * @param packages what will be unpacked
 */
export async function privateApt(
  folder: string,
  packages: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<PrivateApt> {
  const settings = join(folder, 'apt.conf')
  const archives = join(folder, 'archives')
  await Promise.all([
    mkdir(join(folder, 'state/lists/partial'), { recursive: true }),
    mkdir(join(archives, 'partial'), { recursive: true }),
    writeFile(settings, aptSettings(folder)),
    writeFile(join(folder, 'status'), await installedWithout(packages, env)),
  ])
  const aptEnv = { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const options = { env: aptEnv, timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 }
  return {
    update: async () => {
      // Not an error yet: one broken source does not matter if another has the package, and apt
      // itself only warns about an unreachable source.
      const done = run('apt-get', ['-c', settings, '-qq', 'update'], options)
      const { stderr } = await done.catch((error: unknown) => ({ stderr: lastLine(error) }))
      return stderr === '' ? [] : [`apt-get update: ${stderr.trim().split('\n')[0]}`]
    },
    unpack: async (name, into, alone) => {
      await mkdir(into)
      const verb = alone ? ['download'] : ['--download-only', '--fix-broken', 'install']
      await run('apt-get', ['-c', settings, '-qq', ...verb, name], { ...options, cwd: archives })
      for (const file of await readdir(archives)) {
        if (!file.endsWith('.deb')) continue
        await run('dpkg-deb', ['--extract', join(archives, file), into], options)
        await rm(join(archives, file))
      }
    },
  }
}

/**
 * The machine's list of installed packages, without the family of those to unpack. apt leaves out
 * what is installed, but a package that is installed may hold the program: the file `redis-server`
 * of Debian's package of that name is only a link to a file of `redis-tools`.
 */
async function installedWithout(
  packages: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const asked = await run('apt-config', ['shell', 'FILE', 'Dir::State::status/f'], { env }).catch(
    () => ({ stdout: '' }),
  )
  const [, file = '/var/lib/dpkg/status'] = /^FILE='(.+)'$/m.exec(asked.stdout) ?? []
  const installed = await readFile(file, 'utf8').catch(() => '')
  const families = packages.map((name) => name.split('-')[0])
  return installed
    .split(/\n{2,}/)
    .filter((entry) => !families.includes(/^Package: ([^\s-]+)/m.exec(entry)?.[1]))
    .join('\n\n')
}

/** Read after the machine's own settings, so that its sources and proxies apply. */
function aptSettings(folder: string): string {
  return `Dir::State "${folder}/state";
Dir::State::lists "${folder}/state/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}";
Dir::Cache::archives "${folder}/archives";
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
// What is unpacked is run: only from sources whose signature apt has checked, whatever the machine allows.
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
// As root, apt would download as the user _apt, who cannot enter a private folder.
APT::Sandbox::User "root";
// Another user may only look at the package database; we install nothing into it.
Debug::NoLocking "true";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
`
}

/** The last line of a failed program's error output. */
export function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
  return (stderr.trim() || messageOf(error)).split('\n').at(-1) ?? ''
}
