import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'
import { inReverse } from '../../helpers/scope.ts'
import { smallDisk } from '../../helpers/small-disk.ts'
import { receipt } from '../store/ledger/setup.ts'
import { part, request } from './stores.ts'

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('a results directory', () => {
  test('that cannot be written is refused with its path', async (t) => {
    const directory = await emptyFolder(t)
    await openDirectory(directory)
    await assert.rejects(openDirectory(join(directory, '.expunge-store')), {
      code: 'RESULTS_STORE_UNUSABLE',
      message: /\.expunge-store/,
    })
  })

  test('keeps its files and folders from everybody else, whatever the umask', async (t) => {
    const parent = await emptyFolder(t)
    const before = process.umask(0)
    t.after(() => process.umask(before))
    const store = await openDirectory(join(parent, 'made', 'results'))
    const parts = [await part(store, ['a']), await part(store, ['b'])]
    await store.joinParts(request, 'unprocessed', parts)
    await part(store, ['c'], 'invalid')
    await store.writeReceipt(receipt(request.id))
    await store.moveTo(request, ['receipt.json'], store.earlierName(request))
    await store.writeReceipt(receipt(request.id))
    const seen = await readdir(parent, { recursive: true, withFileTypes: true })
    assert.ok(seen.length > 10)
    for (const entry of seen) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      assert.equal((mode & 0o777).toString(8), entry.isDirectory() ? '700' : '600', entry.name)
    }
  })

  test('keeps nothing of a part that is discarded', async (t) => {
    const store = await openDirectory(await emptyFolder(t))
    const writer = store.partWriter(request, 'failed', '0.1')
    for (let row = 0; row < 20_000; row++)
      writer.write(['003A', 'CODE', 'a message of some length'])
    await writer.drain()
    assert.equal((await store.files(request)).length, 1)
    await writer.discard()
    assert.deepEqual(await store.files(request), [])
  })

  test('on a full disk is reported with the path, and processes can start', async (t) => {
    const scope = inReverse((fn) => t.after(fn))
    const parent = await mkdtemp(join(tmpdir(), 'expunge-results-'))
    scope.after(() => rm(parent, { recursive: true }))
    const directory = join(parent, 'results')
    if ((await smallDisk(scope, directory, 64 * 1024)) === null) return t.skip('no right to mount')
    const store = await openDirectory(directory)
    const writer = store.partWriter(request, 'unprocessed', '0.1')
    const fill = async () => {
      for (let row = 0; row < 100_000; row++) {
        writer.write(['003000000000000AAA'])
        await writer.drain()
      }
    }
    const full = { code: 'RESULTS_STORE_UNUSABLE', message: /gdpr-1\/parts\/0\.1\..*ENOSPC/ }
    await assert.rejects(fill(), full)
    await assert.rejects(store.writeReceipt(receipt('gdpr-2')), {
      code: 'RESULTS_STORE_UNUSABLE',
      message: /gdpr-2\/receipt\.json: ENOSPC/,
    })
    assert.equal((await openDirectory(directory)).id, store.id)
    await writer.discard()
    await store.writeReceipt(receipt('gdpr-2'))
  })
})
