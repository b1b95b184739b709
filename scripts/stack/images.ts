import { appendFile, copyFile, cp, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Engine } from './engine.ts'
import { run } from './run.ts'

/**
 * Stand-ins for the base images where no registry of images is reached: Debian's packages, and this
 * machine's own Node and npm, under the pinned names.
 */
interface StandIn {
  readonly packages: readonly string[]
  /** As in a Dockerfile. */
  readonly changes: readonly string[]
  readonly furnish: (root: string) => Promise<void>
}

const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt'

const NODE: StandIn = {
  packages: ['ca-certificates', 'libstdc++6'],
  changes: ['CMD ["node"]'],
  furnish: async (root) => {
    const npm = dirname(dirname(await realpath(await run(['which', 'npm']))))
    await copyFile(process.execPath, join(root, 'usr/local/bin/node'))
    await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true })
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
    await appendFile(join(root, 'etc/passwd'), 'node:x:1000:1000::/home/node:/bin/sh\n')
    await appendFile(join(root, 'etc/group'), 'node:x:1000:\n')
    // How this machine reaches its npm registry.
    await copyFile(`/${CERTIFICATES}`, join(root, CERTIFICATES))
    const registry = await run(['npm', 'config', 'get', 'registry'])
    await mkdir(join(root, 'usr/local/etc'), { recursive: true })
    await writeFile(
      join(root, 'usr/local/etc/npmrc'),
      `registry=${registry}\ncafile=/${CERTIFICATES}\n`,
    )
  },
}

const REDIS: StandIn = {
  packages: ['redis-server'],
  changes: ['WORKDIR /data', 'USER redis', 'CMD ["redis-server"]'],
  furnish: async (root) => {
    await mkdir(join(root, 'data'))
    // As in the published image, where the user `redis` has these numbers.
    await run(['chroot', root, 'chown', '999:1000', '/data'])
  },
}

const PROMETHEUS: StandIn = {
  packages: ['prometheus'],
  changes: ['USER nobody', 'ENTRYPOINT ["/usr/bin/prometheus"]'],
  furnish: async (root) => {
    await rm(join(root, 'etc/prometheus'), { recursive: true })
    await mkdir(join(root, 'etc/prometheus'))
    await mkdir(join(root, 'prometheus'))
    await run(['chroot', root, 'chown', 'nobody:nogroup', '/prometheus'])
  },
}

const STAND_INS: ReadonlyMap<string, StandIn> = new Map([
  ['node', NODE],
  ['redis', REDIS],
  ['prom/prometheus', PROMETHEUS],
])

/** Makes those of the pinned images that there is a stand-in for; gives the names of the others. */
export async function makeImages(
  pinned: readonly string[],
  engine: Engine,
  folder: string,
): Promise<readonly string[]> {
  const others: string[] = []
  for (const image of pinned) {
    const standIn = STAND_INS.get(image.split(':', 1)[0] ?? '')
    if (standIn === undefined) others.push(image)
    else await make(image, standIn, engine, join(folder, 'root'))
  }
  return others
}

async function make(image: string, standIn: StandIn, { env }: Engine, root: string): Promise<void> {
  const include = `--include=${standIn.packages.join(',')}`
  await run(['mmdebstrap', '--variant=minbase', include, 'bookworm', root])
  await standIn.furnish(root)
  const changes = standIn.changes.flatMap((change) => ['--change', change])
  const load = 'tar --create --directory "$0" . | docker import "$@"'
  await run(['bash', '-o', 'pipefail', '-c', load, root, ...changes, '-', image], { env })
  await rm(root, { recursive: true })
}
