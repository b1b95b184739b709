import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { getuid } from 'node:process'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { readSourceFile } from '../../../src/shared/contract/sources/read-file.ts'
import { readFileOnce } from '../../../src/worker/sources/file.ts'
import { describeSource, readAll } from './conformance.ts'

const fileSource = (source: Parameters<typeof readSourceFile>[0]) => ({
  open: (signal?: AbortSignal) => readFileOnce(source, {}, signal),
})

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-file-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A root with a file in it, and a folder beside the root. */
async function setup(t: TestContext, content: string | Uint8Array = 'Id\n') {
  const folder = await makeFolder(t)
  const root = join(folder, 'root')
  const outside = join(folder, 'root-of-others')
  await mkdir(root)
  await mkdir(outside)
  const path = join(root, 'ids.csv')
  await writeFile(path, content)
  await writeFile(join(outside, 'ids.csv'), 'secret')
  return {
    root,
    outside,
    path,
    read: (file: string) => readAll(fileSource({ path: file, roots: [root] })),
  }
}

/** Handles of this process that are open on files of our folders; Linux alone can tell. */
async function openHandles(): Promise<number> {
  const links = (await readdir('/proc/self/fd').catch(() => [])).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ''),
  )
  return (await Promise.all(links)).filter((path) => path.includes('expunge-file-')).length
}

describeSource('file', {
  of: async (t, bytes) => {
    const { root, path } = await setup(t, bytes)
    return fileSource({ path, roots: [root] })
  },
  failing: async (t) => {
    const { root, path } = await setup(t, gzipSync(Buffer.alloc(1_000_000, 'Id')).subarray(0, 500))
    return { source: fileSource({ path, roots: [root] }), error: { code: 'SOURCE_TRUNCATED' } }
  },
  open: openHandles,
})

describe('a file is not read', () => {
  const notAllowed = { name: 'RefusedError', code: 'SOURCE_NOT_ALLOWED' }

  test('outside the roots, whether it exists or not', async (t) => {
    const { outside, read } = await setup(t)
    await assert.rejects(read(join(outside, 'ids.csv')), notAllowed)
    await assert.rejects(read(join(outside, 'missing.csv')), notAllowed)
    await assert.rejects(read('/etc/passwd'), notAllowed)
  })

  test('by a way that leads up', async (t) => {
    const { root, outside, read } = await setup(t)
    await assert.rejects(read(`${root}/../root-of-others/ids.csv`), notAllowed)
    await assert.rejects(
      read(join('..', relative(join(root, '..'), outside), 'ids.csv')),
      notAllowed,
    )
    await assert.rejects(read(`${root}/x/../ids.csv`), notAllowed)
  })

  test('by a link that leads out of the roots', async (t) => {
    const { root, outside, read } = await setup(t)
    await symlink(join(outside, 'ids.csv'), join(root, 'link.csv'))
    await symlink(outside, join(root, 'folder'))
    await assert.rejects(read(join(root, 'link.csv')), notAllowed)
    await assert.rejects(read(join(root, 'folder', 'ids.csv')), notAllowed)
    await assert.rejects(read(join(root, 'folder', 'missing.csv')), { code: /^SOURCE_NOT_/ })
  })

  test('where no root is configured', async (t) => {
    const { path } = await setup(t)
    await assert.rejects(readAll(fileSource({ path, roots: [] })), notAllowed)
  })

  test('where it does not exist', async (t) => {
    const { root, read } = await setup(t)
    const missing = { name: 'SourceError', code: 'SOURCE_NOT_FOUND', message: /missing\.csv/ }
    await assert.rejects(read(join(root, 'missing.csv')), missing)
    await assert.rejects(read(join(root, 'ids.csv', 'missing.csv')), missing)
  })

  test('where it is a folder or a pipe', async (t) => {
    const { root, read } = await setup(t)
    const notReadable = { code: 'SOURCE_NOT_READABLE', message: /not a regular file/ }
    await mkdir(join(root, 'folder'))
    await assert.rejects(read(join(root, 'folder')), notReadable)
    execFileSync('mkfifo', [join(root, 'pipe')])
    await assert.rejects(read(join(root, 'pipe')), notReadable)
  })

  test('where the worker lacks permission', {
    skip: getuid?.() === 0 && 'root may read all',
  }, async (t) => {
    const { path, read } = await setup(t)
    await chmod(path, 0)
    await assert.rejects(read(path), { code: 'SOURCE_NOT_READABLE', message: /EACCES/ })
  })
})

describe('a file is read', () => {
  test('by a path from the first root', async (t) => {
    const { read } = await setup(t, 'Id\n1')
    assert.equal(String(await read('ids.csv')), 'Id\n1')
    assert.equal(String(await read('./ids.csv')), 'Id\n1')
  })

  test('by a link that stays under a root, and where a root is a link', async (t) => {
    const { root, path, read } = await setup(t, 'Id\n1')
    await symlink(path, join(root, 'link.csv'))
    assert.equal(String(await read(join(root, 'link.csv'))), 'Id\n1')
    const alias = join(root, '..', 'alias')
    await symlink(root, alias)
    const viaAlias = fileSource({ path: join(alias, 'ids.csv'), roots: [alias] })
    assert.equal(String(await readAll(viaAlias)), 'Id\n1')
  })

  test('decompressed where it is gzip or zstd', async (t) => {
    const text = 'Id\n'.repeat(400_000)
    for (const compress of [gzipSync, zstdCompressSync]) {
      const { path, read } = await setup(t, compress(text))
      assert.equal(String(await read(path)), text)
    }
  })
})

test('a file that changes while it is read is told', async (t) => {
  for (const change of ['grows', 'shrinks']) {
    const { root, path } = await setup(t, Buffer.alloc(2_000_000, 'x'))
    const reading = async () => {
      let first = true
      for await (const _ of fileSource({ path, roots: [root] }).open()) {
        if (first && change === 'grows') await appendFile(path, 'more')
        if (first && change === 'shrinks') await writeFile(path, 'less')
        first = false
      }
    }
    await assert.rejects(reading(), { code: 'SOURCE_CHANGED', message: /ids\.csv changed/ }, change)
  }
})
