import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openResultsStore } from '../../src/shared/results.ts'

const request = { org: 'default', id: 'gdpr-1' }

async function setup(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'expunge-results-'))
  t.after(() => rm(directory, { recursive: true }))
  const store = await openResultsStore(directory)
  return { directory, store, folder: store.folder(request) }
}

describe('the results store', () => {
  test('has one id, whoever opens it first', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'expunge-results-'))
    t.after(() => rm(directory, { recursive: true }))
    const stores = await Promise.all(Array.from({ length: 8 }, () => openResultsStore(directory)))
    assert.equal(new Set(stores.map(({ id }) => id)).size, 1)
    assert.match(stores[0]?.id ?? '', /^[0-9a-f-]{36}$/)
    assert.deepEqual(await readdir(directory), ['.expunge-store'])
  })

  test('that cannot be written is refused with its path', async (t) => {
    const { directory } = await setup(t)
    await assert.rejects(openResultsStore(join(directory, '.expunge-store')), {
      code: 'RESULTS_STORE_UNUSABLE',
      message: /\.expunge-store/,
    })
  })
})

describe('a result file', () => {
  test('appears whole on commit, with its header, quoted where it must be', async (t) => {
    const { store, folder } = await setup(t)
    const writer = store.writer(request, 'failed')
    writer.write(['003A', 'DELETE_FAILED', 'has "cases", two'])
    await assert.rejects(stat(join(folder, 'failed.csv')))
    await writer.commit()
    const text = await readFile(join(folder, 'failed.csv'), 'utf8')
    assert.equal(text, 'Id,Code,Message\n003A,DELETE_FAILED,"has ""cases"", two"\n')
  })

  test('without rows does not appear, and one of an earlier try goes', async (t) => {
    const { store, folder } = await setup(t)
    const first = store.writer(request, 'invalid')
    first.write([3, 'joh… (17 characters)', 'NOT_AN_ID'])
    await first.commit()
    await store.writer(request, 'invalid').commit()
    assert.deepEqual(await readdir(folder), [])
  })

  test('that is discarded leaves nothing', async (t) => {
    const { store, folder } = await setup(t)
    const writer = store.writer(request, 'failed')
    for (let row = 0; row < 20_000; row++)
      writer.write(['003A', 'CODE', 'a message of some length'])
    await writer.drain()
    assert.equal((await readdir(folder)).length, 1)
    await writer.discard()
    assert.deepEqual(await readdir(folder), [])
  })

  test('of a request with one part is that part', async (t) => {
    const { store, folder } = await setup(t)
    const writer = store.partWriter(request, 'failed', '0.1')
    writer.write(['003A', 'CODE', 'message'])
    await writer.commit()
    for (let time = 0; time < 2; time++) await store.joinParts(request, ['0.1'])
    await store.removeParts(request)
    const text = await readFile(join(folder, 'failed.csv'), 'utf8')
    assert.equal(text, 'Id,Code,Message\n003A,CODE,message\n')
    assert.deepEqual(await readdir(folder), ['failed.csv'])
  })

  test('is joined from its parts in their order, as often as one likes', async (t) => {
    const { store, folder } = await setup(t)
    for (const part of ['10.1', '9.1']) {
      const writer = store.partWriter(request, 'unprocessed', part)
      writer.write([`id of ${part}`])
      await writer.commit()
    }
    for (let time = 0; time < 2; time++) await store.joinParts(request, ['8.1', '9.1', '10.1'])
    const text = await readFile(join(folder, 'unprocessed.csv'), 'utf8')
    assert.equal(text, 'Id\nid of 9.1\nid of 10.1\n')
    await store.removeParts(request)
    await store.joinParts(request, ['9.1', '10.1'])
    assert.deepEqual(await readdir(folder), ['unprocessed.csv'])
    assert.equal(await readFile(join(folder, 'unprocessed.csv'), 'utf8'), text)
  })
})
