import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFolder } from '../../../src/shared/results/directory/files.ts'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'
import { exfatDisk } from '../../helpers/exfat-disk.ts'
import { lacking } from '../../helpers/file-system.ts'
import { inReverse } from '../../helpers/scope.ts'
import { receipt } from '../store/ledger/setup.ts'

/** File systems that are mounted on machines: not all do what a disk of one's own does. */

const request = { org: 'default', id: 'gdpr-1' }

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** From the first opening, side by side, to the last file of a request. */
async function useStore(directory: string): Promise<void> {
  const stores = await Promise.all(Array.from({ length: 8 }, () => openDirectory(directory)))
  assert.equal(new Set(stores.map(({ id }) => id)).size, 1)
  assert.deepEqual(await readdir(directory), ['.expunge-store'])
  const [store] = stores
  assert.ok(store !== undefined)
  assert.match(store.id, /^[0-9a-f-]{36}$/)
  const writer = store.partWriter(request, 'unprocessed', '0.1')
  writer.write(['a'])
  const part = await writer.commit()
  assert.ok(part !== null)
  for (const _ of [1, 2]) {
    const { file, broken } = await store.joinParts(request, 'unprocessed', [part])
    assert.deepEqual([file?.rows, broken], [1, []])
    await store.writeReceipt(receipt(request.id))
  }
  await store.removeParts(request)
  assert.deepEqual((await store.files(request)).toSorted(), ['receipt.json', 'unprocessed.csv'])
  assert.equal(await readFile(join(store.folder(request), 'unprocessed.csv'), 'utf8'), 'Id\na\n')
  await store.moveTo(request, ['unprocessed.csv'], store.earlierName(request))
  await store.remove('default', request.id, async () => true)
  assert.deepEqual(await readdir(join(directory, 'default')), ['.earlier'])
}

test('a folder is made with those above it, side by side, and keeps what is there', async (t) => {
  const directory = await emptyFolder(t)
  const folder = join(directory, 'a', 'b', 'c')
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(folder)))
  await makeFolder(folder)
  for (let round = 0; round < 30; round++) {
    const siblings = Array.from({ length: 64 }, (_, at) =>
      join(directory, `${round}`, 'org', `${at}`),
    )
    await Promise.all(siblings.map(makeFolder))
  }
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  await writeFile(join(directory, 'file'), '')
  await assert.rejects(makeFolder(join(directory, 'file')), { code: 'EEXIST' })
  await assert.rejects(makeFolder(join(directory, 'file', 'x')), { code: 'ENOTDIR' })
})

test('a folder that cannot be made is an error at once, with the reason', {
  skip: process.platform !== 'linux',
}, async () => {
  await assert.rejects(makeFolder('/proc/expunge/results'), {
    code: 'ENOENT',
    path: '/proc/expunge',
  })
})

test('a results store lies on a file system without hard links', async (t) => {
  for (const code of ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EIO']) {
    const directory = await emptyFolder(t)
    await t.test(code, async (t) => {
      lacking(t, 'link', () => code)
      await useStore(directory)
    })
  }
})

test('a results store lies where nothing is renamed over a file that is there', async (t) => {
  for (const code of ['EEXIST', 'EPERM', 'EACCES']) {
    const directory = await emptyFolder(t)
    await t.test(code, async (t) => {
      lacking(t, 'rename', (_, to) => (existsSync(String(to)) ? code : null))
      await useStore(directory)
    })
  }
})

test('what is wrong with the disk is no lack of hard links', async (t) => {
  const directory = await emptyFolder(t)
  lacking(t, 'link', () => 'EROFS')
  await assert.rejects(openDirectory(directory), {
    code: 'RESULTS_STORE_UNUSABLE',
    message: /^The results directory .* cannot be used: EROFS/,
  })
  assert.deepEqual(await readdir(directory), [])
})

test('a store whose name was never written is refused with what to do', async (t) => {
  const directory = await emptyFolder(t)
  await writeFile(join(directory, '.expunge-store'), '')
  await assert.rejects(openDirectory(directory), {
    message: /\.expunge-store is empty: a process has died while it made it\. Remove that file\./,
  })
})

test('a results store lies on exFAT', async (t) => {
  const scope = inReverse((fn) => t.after(fn))
  const folder = await mkdtemp(join(tmpdir(), 'expunge-exfat-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const disk = join(folder, 'disk')
  const reason = await exfatDisk(scope, disk)
  if (reason !== null) return t.skip(reason)
  await useStore(join(disk, 'results'))
})
