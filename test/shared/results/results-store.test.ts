import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { openResultsStore, readResults } from '../../../src/shared/results/open.ts'
import { startBucket } from '../../helpers/bucket-place.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { inReverse } from '../../helpers/scope.ts'
import { receipt } from '../store/ledger/setup.ts'
import { bucket, directory, openStore, part, request } from './stores.ts'

/** What every results store does, wherever it is. */

const s3 = await startBucket(inReverse(after))

const FOLDER = 'default/gdpr-1'
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const KINDS = [
  { name: 'a directory', create: directory, numRuns: runs(30) },
  { name: 'a bucket', create: bucket(s3), numRuns: runs(6) },
]

for (const { name, create, numRuns } of KINDS) {
  describe(`a results store in ${name}`, () => {
    test('has one id, whoever opens it first', async (t) => {
      const at = await create(t)
      assert.equal(await readResults(at.place).storeId(), null)
      const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(t, at)))
      assert.equal(new Set(stores.map(({ id }) => id)).size, 1)
      assert.match(stores[0]?.id ?? '', /^[0-9a-f-]{36}$/)
      assert.deepEqual(await at.files(), ['.expunge-store'])
      assert.equal(await readResults(at.place).storeId(), stores[0]?.id)
    })

    test('keeps a receipt until it is removed', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      assert.equal(await store.readReceipt(request), null)
      await store.writeReceipt({ ...receipt(request.id), object: 'Lead' })
      await store.writeReceipt(receipt(request.id))
      const text = await store.readReceipt(request)
      assert.deepEqual(JSON.parse(text ?? ''), receipt(request.id))
      assert.equal(await at.read(`${FOLDER}/receipt.json`), text)
      await store.removeReceipt(request)
      await store.removeReceipt(request)
      assert.deepEqual(await store.files(request), [])
    })

    test('gives a result file only as it was written', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const { file } = await store.joinParts(request, 'invalid', [
        await part(store, ['7'], 'invalid'),
      ])
      assert.ok(file)
      const reader = readResults(at.place)
      t.after(() => reader.close())
      assert.equal(await reader.isAsWritten(request, file), true)
      const opened = await reader.openFile(request, file)
      const blocks = await Array.fromAsync<Uint8Array>(opened?.stream() ?? [])
      assert.equal(Buffer.concat(blocks).toString(), 'Line,Value,Reason\n7,,\n')
      await (await reader.openFile(request, file))?.close()
      await at.write(`${FOLDER}/invalid.csv`, 'Line,Value,Reason\n8,,\n')
      assert.equal(await reader.isAsWritten(request, file), false)
      await at.write(`${FOLDER}/invalid.csv`, 'Line\n')
      assert.equal(await reader.openFile(request, file), null)
      await at.remove(`${FOLDER}/invalid.csv`)
      assert.equal(await reader.openFile(request, file), null)
      assert.equal(await reader.isAsWritten(request, file), false)
    })

    test('takes nothing while it is lost', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const parts = [await part(store, ['a']), await part(store, ['b'])]
      const begun = store.partWriter(request, 'failed', '0.1')
      begun.write(['003A', 'CODE', 'message'])
      const restore = await at.lose()
      const before = await at.files()
      const lost = { code: 'RESULTS_STORE_UNUSABLE', message: /found no \.expunge-store/ }
      await assert.rejects(begun.commit(), lost)
      await begun.discard()
      await assert.rejects(part(store, ['c']), lost)
      await assert.rejects(store.joinParts(request, 'unprocessed', parts), lost)
      await assert.rejects(store.writeReceipt(receipt(request.id)), lost)
      await assert.rejects(store.moveTo(request, ['x'], 'y'), lost)
      await assert.rejects(
        store.remove('default', request.id, async () => true),
        lost,
      )
      assert.deepEqual(await at.files(), before)
      await restore()
      const { file } = await store.joinParts(request, 'unprocessed', parts)
      assert.equal(file?.rows, 2)
    })

    test('takes no part that was begun in another store', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const writer = store.partWriter(request, 'unprocessed', '0.1')
      writer.write(['a'])
      await writer.end()
      const other = await openStore(t, await create(t))
      await at.write('.expunge-store', other.id)
      await assert.rejects(writer.commit(), {
        code: 'RESULTS_STORE_UNUSABLE',
        message: new RegExp(`expected store ${store.id}, found ${other.id}`),
      })
      await writer.discard()
      assert.equal((await openResultsStore(at.place)).id, other.id)
    })
  })

  describe(`a part in ${name}`, () => {
    test('appears whole on commit, with its header, quoted where it must be', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const writer = store.partWriter(request, 'failed', '3.1')
      writer.write(['003A', 'DELETE_FAILED', 'has "cases",\ntwo'])
      assert.deepEqual(await store.files(request), [])
      const file = await writer.commit()
      const text = 'Id,Code,Message\n003A,DELETE_FAILED,"has ""cases"",\ntwo"\n'
      assert.ok(file)
      assert.match(file.name, /^3\.1\.[0-9a-f]{12}\.failed\.csv$/)
      assert.deepEqual(await store.files(request), [`parts/${file.name}`])
      assert.equal(await at.read(`${FOLDER}/parts/${file.name}`), text)
      const { name: _, ...rest } = file
      assert.deepEqual(rest, { rows: 1, bytes: Buffer.byteLength(text), sha256: sha256(text) })
    })

    test('without rows does not appear, and nothing is written', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      assert.equal(await store.partWriter(request, 'invalid', 'lot').commit(), null)
      assert.deepEqual(await at.files(), ['.expunge-store'])
    })

    test('never takes the place of another of the same chunk', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const first = await part(store, ['a'])
      const second = await part(store, ['b', 'c'])
      const names = [first, second].map((file) => `parts/${file.name}`)
      assert.deepEqual((await store.files(request)).toSorted(), names.toSorted())
      const { file } = await store.joinParts(request, 'unprocessed', [first])
      assert.equal(file?.rows, 1)
      assert.equal(await at.read(`${FOLDER}/unprocessed.csv`), 'Id\na\n')
    })
  })

  describe(`a result file in ${name}`, () => {
    test('is joined from its parts in their order, and is what it is said to be', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const rows = fc.array(fc.string(), { minLength: 1, maxLength: 5 })
      const lists = fc.array(rows, { maxLength: 4 })
      await fc.assert(
        fc.asyncProperty(lists, async (all) => {
          const parts = []
          for (const each of all) parts.push(await part(store, each))
          for (let time = 0; time < 2; time++) {
            const joined = await store.joinParts(request, 'unprocessed', parts)
            assert.deepEqual(joined.broken, [])
            const text = await at.read(`${FOLDER}/unprocessed.csv`)
            if (all.length === 0) {
              assert.deepEqual([joined.file, text], [null, null])
              continue
            }
            assert.deepEqual(joined.file, {
              ...{ name: 'unprocessed.csv', rows: all.flat().length },
              ...{ bytes: Buffer.byteLength(text ?? ''), sha256: sha256(text ?? '') },
            })
            let expected = 'Id\n'
            for (const { name } of parts) {
              expected += (await at.read(`${FOLDER}/parts/${name}`))?.slice('Id\n'.length) ?? ''
            }
            assert.equal(text, expected)
          }
          await store.removeParts(request)
          const left = await store.files(request)
          assert.deepEqual(left, all.length === 0 ? [] : ['unprocessed.csv'])
        }),
        { numRuns },
      )
    })

    test('is still what its only part was, once that is gone and the receipt is forgotten', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const only = await part(store, ['a', 'b'], 'invalid')
      const { file } = await store.joinParts(request, 'invalid', [only])
      await store.removeParts(request)
      // A failover took the end of the request back, so that it ends again.
      for (const salvage of [false, true]) {
        const again = await store.joinParts(request, 'invalid', [only], { salvage })
        assert.deepEqual(again, { file, broken: [] })
      }
      const text = await at.read(`${FOLDER}/invalid.csv`)
      assert.equal(sha256(text ?? ''), only.sha256)
      await at.write(`${FOLDER}/invalid.csv`, `${text}x\n`)
      const changed = await store.joinParts(request, 'invalid', [only])
      assert.deepEqual(changed, { file: null, broken: [only] })
    })

    /** What a part may hold between its commit and the end of its request; null if it is missing. */
    const DAMAGE: Readonly<Record<string, string | null>> = {
      missing: null,
      truncated: 'Id\nb',
      longer: 'Id\nb\nx\n',
      'of another life': 'Id\nz\n',
    }
    for (const [how, text] of Object.entries(DAMAGE)) {
      test(`is left alone where a part is ${how}, or made of the others`, async (t) => {
        const at = await create(t)
        const store = await openStore(t, at)
        const parts = [await part(store, ['a']), await part(store, ['b']), await part(store, ['c'])]
        const [first, broken, last] = parts
        assert.ok(first && broken && last)
        const path = `${FOLDER}/parts/${broken.name}`
        await (text === null ? at.remove(path) : at.write(path, text))
        const found = await store.joinParts(request, 'unprocessed', parts)
        assert.deepEqual(found, { file: null, broken: [broken] })
        assert.equal(await at.read(`${FOLDER}/unprocessed.csv`), null)
        const salvaged = await store.joinParts(request, 'unprocessed', parts, { salvage: true })
        const joined = (await at.read(`${FOLDER}/unprocessed.csv`)) ?? ''
        assert.equal(joined, 'Id\na\nc\n')
        assert.deepEqual(salvaged.broken, [broken])
        assert.deepEqual(salvaged.file, {
          ...{ name: 'unprocessed.csv', rows: 2, bytes: joined.length, sha256: sha256(joined) },
        })
        const alone = await store.joinParts(request, 'failed', [broken], { salvage: true })
        assert.deepEqual(alone, { file: null, broken: [broken] })
        assert.equal(await at.read(`${FOLDER}/failed.csv`), null)
      })
    }

    test('is made by two workers at once, and is the same', async (t) => {
      const at = await create(t)
      const [one, two] = [await openStore(t, at), await openStore(t, at)]
      const parts = [await part(one, ['a']), await part(one, ['b'])]
      const joins = [one, two, one].map((store) => store.joinParts(request, 'unprocessed', parts))
      for (const { file } of await Promise.all(joins))
        assert.equal(file?.sha256, sha256('Id\na\nb\n'))
      assert.equal(await at.read(`${FOLDER}/unprocessed.csv`), 'Id\na\nb\n')
    })
  })

  describe(`the folder of a request in ${name}`, () => {
    test('is emptied for another life, and what lay there is kept', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      const old = await part(store, ['a'])
      await store.joinParts(request, 'unprocessed', [old])
      await store.writeReceipt(receipt(request.id))
      const files = await store.files(request)
      assert.deepEqual(files.toSorted(), [`parts/${old.name}`, 'receipt.json', 'unprocessed.csv'])
      const later = await part(store, ['b'])
      const earlier = store.earlierName(request)
      assert.match(earlier, /^\.earlier\/gdpr-1\./)
      await store.moveTo(request, files, earlier)
      assert.deepEqual(await store.files(request), [`parts/${later.name}`])
      const kept = (await at.files()).filter((path) => path.includes('.earlier'))
      assert.deepEqual(
        kept,
        files.toSorted().map((file) => `default/${earlier}/${file}`),
      )
      assert.equal(await at.read(`default/${earlier}/unprocessed.csv`), 'Id\na\n')
      await store.remove('default', earlier, async () => true)
      assert.deepEqual(await at.files(), ['.expunge-store', `${FOLDER}/parts/${later.name}`])
    })

    test('is removed with all that is in it, unless its id is in use again', async (t) => {
      const at = await create(t)
      const store = await openStore(t, at)
      await part(store, ['a'])
      await store.writeReceipt(receipt(request.id))
      // Ids that begin with this one are others.
      await store.writeReceipt(receipt(`${request.id}0`))
      await store.remove('default', request.id, async () => false)
      assert.equal((await store.files(request)).length, 2)
      for (let time = 0; time < 2; time++) {
        await store.remove('default', request.id, async () => true)
        assert.deepEqual(await at.files(), ['.expunge-store', `${FOLDER}0/receipt.json`])
      }
    })
  })
}
