import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { ResultFile } from '../../../src/shared/contract/receipt.ts'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'
import type { ResultKind, ResultsStore } from '../../../src/shared/results/results-store.ts'
import { inReverse } from '../../helpers/scope.ts'
import { smallDisk } from '../../helpers/small-disk.ts'
import { receipt } from '../store/ledger/setup.ts'

const request = { org: 'default', id: 'gdpr-1' }

async function setup(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const store = await openDirectory(directory)
  return { directory, store, folder: store.folder(request) }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** A part of one column, as an ingest job would leave it. */
async function part(
  store: ResultsStore,
  rows: readonly string[],
  kind: ResultKind = 'unprocessed',
): Promise<ResultFile> {
  const writer = store.partWriter(request, kind, '0.1')
  for (const row of rows) writer.write([row])
  const file = await writer.commit()
  assert.ok(file)
  return file
}

describe('the results store', () => {
  test('has one id, whoever opens it first', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'expunge-results-'))
    t.after(() => rm(directory, { recursive: true }))
    const stores = await Promise.all(Array.from({ length: 8 }, () => openDirectory(directory)))
    assert.equal(new Set(stores.map(({ id }) => id)).size, 1)
    assert.match(stores[0]?.id ?? '', /^[0-9a-f-]{36}$/)
    assert.deepEqual(await readdir(directory), ['.expunge-store'])
  })

  test('that cannot be written is refused with its path', async (t) => {
    const { directory } = await setup(t)
    await assert.rejects(openDirectory(join(directory, '.expunge-store')), {
      code: 'RESULTS_STORE_UNUSABLE',
      message: /\.expunge-store/,
    })
  })

  test('keeps its files and folders from everybody else, whatever the umask', async (t) => {
    const parent = await mkdtemp(join(tmpdir(), 'expunge-results-'))
    t.after(() => rm(parent, { recursive: true }))
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
})

describe('a part of a result file', () => {
  test('appears whole on commit, with its header, quoted where it must be', async (t) => {
    const { store, folder } = await setup(t)
    const writer = store.partWriter(request, 'failed', '3.1')
    writer.write(['003A', 'DELETE_FAILED', 'has "cases",\ntwo'])
    await assert.rejects(stat(folder), { code: 'ENOENT' })
    const file = await writer.commit()
    const text = 'Id,Code,Message\n003A,DELETE_FAILED,"has ""cases"",\ntwo"\n'
    assert.ok(file)
    assert.match(file.name, /^3\.1\.[0-9a-f]{12}\.failed\.csv$/)
    assert.deepEqual(await readdir(join(folder, 'parts')), [file.name])
    assert.equal(await readFile(join(folder, 'parts', file.name), 'utf8'), text)
    const { name, ...rest } = file
    assert.deepEqual(rest, { rows: 1, bytes: Buffer.byteLength(text), sha256: sha256(text) })
  })

  test('without rows does not appear, and nothing is written', async (t) => {
    const { store, directory } = await setup(t)
    assert.equal(await store.partWriter(request, 'invalid', 'lot').commit(), null)
    assert.deepEqual(await readdir(directory), ['.expunge-store'])
  })

  test('never takes the place of another of the same chunk', async (t) => {
    const { store, folder } = await setup(t)
    const first = await part(store, ['a'])
    const second = await part(store, ['b', 'c'])
    assert.deepEqual(await readdir(join(folder, 'parts')), [first.name, second.name].sort())
    const { file } = await store.joinParts(request, 'unprocessed', [first])
    assert.equal(file?.rows, 1)
    assert.equal(await readFile(join(folder, 'unprocessed.csv'), 'utf8'), 'Id\na\n')
  })

  test('that is discarded leaves nothing', async (t) => {
    const { store, folder } = await setup(t)
    const writer = store.partWriter(request, 'failed', '0.1')
    for (let row = 0; row < 20_000; row++)
      writer.write(['003A', 'CODE', 'a message of some length'])
    await writer.drain()
    assert.equal((await readdir(join(folder, 'parts'))).length, 1)
    await writer.discard()
    assert.deepEqual(await readdir(join(folder, 'parts')), [])
  })
})

describe('a result file', () => {
  test('is joined from its parts in their order, and is what it is said to be', async (t) => {
    const { store, folder } = await setup(t)
    const lists = fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(lists, async (all) => {
        const parts = []
        for (const rows of all) parts.push(await part(store, rows))
        for (let time = 0; time < 2; time++) {
          const joined = await store.joinParts(request, 'unprocessed', parts)
          assert.deepEqual(joined.broken, [])
          const text = await readFile(join(folder, 'unprocessed.csv'), 'utf8').catch(() => null)
          if (all.length === 0) {
            assert.deepEqual([joined.file, text], [null, null])
            continue
          }
          assert.deepEqual(joined.file, {
            ...{ name: 'unprocessed.csv', rows: all.flat().length },
            ...{ bytes: Buffer.byteLength(text ?? ''), sha256: sha256(text ?? '') },
          })
          const own: readonly string[] = await Promise.all(
            parts.map(({ name }) => readFile(join(folder, 'parts', name), 'utf8')),
          )
          assert.equal(text, `Id\n${own.map((each) => each.slice('Id\n'.length)).join('')}`)
        }
        await store.removeParts(request)
        const left = await store.files(request)
        assert.deepEqual(left, all.length === 0 ? [] : ['unprocessed.csv'])
      }),
      { numRuns: 30 },
    )
  })

  test('is still what its only part was, once that has left and the receipt is forgotten', async (t) => {
    const { store, folder } = await setup(t)
    const only = await part(store, ['a', 'b'], 'invalid')
    const { file } = await store.joinParts(request, 'invalid', [only])
    await store.removeParts(request)
    // A failover took the end of the request back, so that it ends again.
    for (const salvage of [false, true]) {
      const again = await store.joinParts(request, 'invalid', [only], { salvage })
      assert.deepEqual(again, { file, broken: [] })
    }
    const path = join(folder, 'invalid.csv')
    assert.equal(sha256(await readFile(path, 'utf8')), only.sha256)
    await appendFile(path, 'x\n')
    const changed = await store.joinParts(request, 'invalid', [only])
    assert.deepEqual(changed, { file: null, broken: [only] })
  })

  /** What may become of a part between its commit and the end of its request. */
  const DAMAGE: Readonly<Record<string, (path: string) => Promise<void>>> = {
    missing: (path) => rm(path),
    truncated: (path) => truncate(path, 4),
    longer: (path) => appendFile(path, 'x\n'),
    'of another life': (path) => writeFile(path, 'Id\nz\n'),
  }
  for (const [how, damage] of Object.entries(DAMAGE)) {
    test(`is left alone where a part is ${how}, or made of the others`, async (t) => {
      const { store, folder } = await setup(t)
      const parts = [await part(store, ['a']), await part(store, ['b']), await part(store, ['c'])]
      const [first, broken, last] = parts
      assert.ok(first && broken && last)
      await damage(join(folder, 'parts', broken.name))
      const found = await store.joinParts(request, 'unprocessed', parts)
      assert.deepEqual(found, { file: null, broken: [broken] })
      assert.deepEqual(await readdir(folder), ['parts'])
      const salvaged = await store.joinParts(request, 'unprocessed', parts, { salvage: true })
      const text = await readFile(join(folder, 'unprocessed.csv'), 'utf8')
      assert.equal(text, 'Id\na\nc\n')
      assert.deepEqual(salvaged.broken, [broken])
      assert.deepEqual(salvaged.file, {
        ...{ name: 'unprocessed.csv', rows: 2, bytes: text.length, sha256: sha256(text) },
      })
      const alone = await store.joinParts(request, 'failed', [broken], { salvage: true })
      assert.deepEqual(alone, { file: null, broken: [broken] })
      await assert.rejects(stat(join(folder, 'failed.csv')), { code: 'ENOENT' })
    })
  }
})

describe('a results directory whose mount is lost', () => {
  test('takes nothing until it is back', async (t) => {
    const { directory, store, folder } = await setup(t)
    const parts = [await part(store, ['a'])]
    const begun = store.partWriter(request, 'failed', '0.1')
    begun.write(['003A', 'CODE', 'message'])
    const away = `${directory}.away`
    await rename(directory, away)
    await mkdir(directory)
    t.after(() => rm(away, { recursive: true, force: true }))
    const lost = { code: 'RESULTS_STORE_UNUSABLE', message: /found no \.expunge-store.*mount/ }
    await assert.rejects(begun.commit(), lost)
    await begun.discard()
    await assert.rejects(part(store, ['b']), lost)
    await assert.rejects(store.joinParts(request, 'unprocessed', parts), lost)
    await assert.rejects(store.writeReceipt(receipt(request.id)), lost)
    await assert.rejects(store.moveTo(request, ['x'], 'y'), lost)
    await assert.rejects(
      store.remove('default', request.id, async () => true),
      lost,
    )
    assert.deepEqual(await readdir(directory), [])
    await rm(directory, { recursive: true })
    await rename(away, directory)
    const { file } = await store.joinParts(request, 'unprocessed', parts)
    assert.equal(file?.rows, 1)
    assert.deepEqual(await readdir(folder), ['parts', 'unprocessed.csv'])
  })

  test('takes no part that was begun before', async (t) => {
    const { directory, store } = await setup(t)
    const writer = store.partWriter(request, 'unprocessed', '0.1')
    writer.write(['a'])
    await writer.end()
    const other = await openDirectory(await mkdtemp(join(tmpdir(), 'expunge-results-')))
    t.after(() => rm(other.place, { recursive: true }))
    await writeFile(join(directory, '.expunge-store'), other.id)
    await assert.rejects(writer.commit(), {
      code: 'RESULTS_STORE_UNUSABLE',
      message: new RegExp(`expected store ${store.id}, found ${other.id}`),
    })
    await writer.discard()
  })
})

describe('a full results disk', () => {
  test('is told with the path, and hinders no process to start', async (t) => {
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

describe('the folder of a request', () => {
  test('is emptied for another life, and what lay there is kept', async (t) => {
    const { directory, store, folder } = await setup(t)
    const old = await part(store, ['a'])
    await store.joinParts(request, 'unprocessed', [old])
    await store.writeReceipt(receipt(request.id))
    const files = await store.files(request)
    assert.deepEqual(files.toSorted(), [join('parts', old.name), 'receipt.json', 'unprocessed.csv'])
    const later = await part(store, ['b'])
    const name = store.earlierName(request)
    await store.moveTo(request, files, name)
    assert.deepEqual(await store.files(request), [join('parts', later.name)])
    const kept = join(directory, 'default', name)
    assert.deepEqual((await readdir(kept)).toSorted(), ['parts', 'receipt.json', 'unprocessed.csv'])
    assert.equal(await readFile(join(kept, 'unprocessed.csv'), 'utf8'), 'Id\na\n')
    assert.ok(!folder.startsWith(kept))
  })

  test('leaves with all that is in it, unless its id lives again', async (t) => {
    const { directory, store } = await setup(t)
    await part(store, ['a'])
    await store.writeReceipt(receipt(request.id))
    await store.remove('default', request.id, async () => false)
    assert.deepEqual(await readdir(join(directory, 'default')), ['gdpr-1'])
    for (let time = 0; time < 2; time++) {
      await store.remove('default', request.id, async () => true)
      assert.deepEqual(await readdir(join(directory, 'default')), [])
    }
  })
})
