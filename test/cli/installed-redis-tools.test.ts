import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { findRedisServer } from '../../src/cli/embedded-redis/find-server.ts'

const run = promisify(execFile)
const VERSION = '5:7.0.15-1'
const TOOLS = ['apt-get', 'apt-config', 'dpkg', 'dpkg-deb', 'tar', 'gzip', 'xz', 'zstd', 'sh']
const skip = existsSync('/usr/bin/apt-get') ? false : 'no apt-get here'

/** Made like Debian's: the server is a link to a file of redis-tools. */
const PACKAGES = {
  'redis-tools': {
    depends: '',
    files: { 'redis-check-rdb': '#!/bin/sh\necho Redis server v=7.0.15 x\n' },
  },
  'redis-server': { depends: `redis-tools (= ${VERSION})`, files: { 'redis-server': null } },
  'redis-sentinel': { depends: `redis-tools (= ${VERSION})`, files: {} },
} as const
type Name = keyof typeof PACKAGES

const folder = await mkdtemp(join(tmpdir(), 'expunge-apt-'))
after(() => rm(folder, { recursive: true, force: true }))
const architecture = skip ? '' : (await run('dpkg', ['--print-architecture'])).stdout.trim()

/** With the real apt, which reads its packages from a folder, and what is installed from a file. */
suite('a machine where packages of Redis are installed, but no server', { skip }, () => {
  before(makeRepository)

  for (const installed of [
    [],
    ['redis-tools'],
    ['redis-sentinel'],
    ['redis-tools', 'redis-sentinel'],
    // Installed, and its file was removed.
    ['redis-tools', 'redis-server'],
  ] as const) {
    test(`gets one: ${installed.join(', ') || 'none'}`, async () => {
      const { version, origin } = await findRedisServer({ env: await machine(installed), log() {} })
      assert.equal(version, '7.0.15')
      assert.ok(existsSync(join(origin, 'usr/bin/redis-check-rdb')))
    })
  }

  function control(name: Name, more = ''): string {
    const { depends } = PACKAGES[name]
    const lines = [
      `Package: ${name}`,
      ...(more === '' ? [] : [more]),
      `Version: ${VERSION}`,
      `Architecture: ${architecture}`,
      'Maintainer: Test <test@example.com>',
      ...(depends === '' ? [] : [`Depends: ${depends}`]),
      'Description: test',
    ]
    return `${lines.join('\n')}\n`
  }

  async function makeRepository(): Promise<void> {
    const entries: string[] = []
    for (const name of ['redis-tools', 'redis-server', 'redis-sentinel'] as const) {
      const root = join(folder, name)
      await mkdir(join(root, 'DEBIAN'), { recursive: true })
      await mkdir(join(root, 'usr/bin'), { recursive: true })
      await writeFile(join(root, 'DEBIAN/control'), control(name))
      for (const [file, content] of Object.entries<string | null>(PACKAGES[name].files)) {
        const path = join(root, 'usr/bin', file)
        if (content === null) await symlink('redis-check-rdb', path)
        else await writeFile(path, content, { mode: 0o755 })
      }
      const deb = join(folder, `${name}.deb`)
      await run('dpkg-deb', ['--build', '--root-owner-group', root, deb])
      const sha256 = createHash('sha256')
        .update(await readFile(deb))
        .digest('hex')
      const { size } = await stat(deb)
      entries.push(`${control(name)}Filename: ./${name}.deb\nSize: ${size}\nSHA256: ${sha256}\n`)
    }
    await writeFile(join(folder, 'Packages'), entries.join('\n'))
    await writeFile(join(folder, 'sources.list'), `deb [trusted=yes] copy:${folder} ./\n`)
  }

  /** Its own home, a PATH without a server, and those packages installed. */
  async function machine(installed: readonly Name[]): Promise<Record<string, string>> {
    const home = await mkdtemp(join(folder, 'home-'))
    const bin = join(home, 'bin')
    await mkdir(bin)
    for (const tool of TOOLS) {
      const [path] = ['/usr/bin', '/bin'].map((at) => join(at, tool)).filter(existsSync)
      if (path !== undefined) await symlink(path, join(bin, tool))
    }
    const status = installed.map((name) => control(name, 'Status: install ok installed'))
    await writeFile(join(home, 'status'), status.join('\n'))
    await writeFile(
      join(home, 'apt.conf'),
      `Dir::State::status "${home}/status";
       Dir::Etc::sourcelist "${folder}/sources.list";
       Dir::Etc::sourceparts "-";\n`,
    )
    return { HOME: home, PATH: bin, APT_CONFIG: join(home, 'apt.conf') }
  }
})
