import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ConflictError, type DeletionRequestInput } from '../../src/producer/producer.ts'
import { linesOf, outcome, receiptOf, statusReached } from '../helpers/deletion.ts'
import { fc, runs } from '../helpers/fast-check.ts'
import { id15, id18, ids18 } from '../helpers/ids.ts'
import { planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Several lists in one request, and lists of ids that are left out. */

const scope = inReverse(after)
const redis = await startRedis(scope)
/** For tests that need no worker: their requests are planned by hand. */
const quiet = await startWorld(scope, { redis })

type Source = DeletionRequestInput['source']
type Fields = Partial<DeletionRequestInput>

const list = (...ids: readonly string[]) => ({ type: 'ids' as const, ids })

async function submit({ producer, org }: World, source: Source, fields: Fields = {}) {
  const request = { org, object: 'Contact', ...fields, source }
  return (await producer.submit(request)).request.id
}

/** What becomes of a dry run. */
async function planned(source: Source, fields: Fields = {}, more: object = {}) {
  const id = await submit(quiet, source, { dryRun: true, ...fields })
  await planByHand(quiet, id, { ...(await plannerDeps(quiet)), ...more })
  const view = await quiet.producer.inspect(id, { org: quiet.org })
  assert.ok(view?.receipt)
  return view.receipt
}

async function fileOf(world: World, name: string, content: string | Uint8Array) {
  const path = join(world.folder, name)
  await writeFile(path, content)
  return { type: 'file' as const, path }
}

describe('a union', () => {
  test('deletes the ids of all of its lists once, each list in its own form', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker()
    const [a, b, c, d, e] = ids18(5)
    const csv = `Name;Contact ID\r\nDoe;${b}\r\nDoe;${c}\r\n`
    const source = {
      type: 'union' as const,
      of: [
        list(a ?? '', b ?? ''),
        await fileOf(world, 'table.csv', csv),
        await fileOf(world, 'packed.csv.gz', gzipSync(`${d}\n${id15(3)}\n${e}\n`)),
      ],
    }
    const id = await submit(world, source, { onUnchecked: 'accept' })
    const { plan, outcome: verdicts } = await receiptOf(world, id)
    assert.deepEqual(
      [plan?.read, plan?.accepted, plan?.duplicate, plan?.excluded],
      [7, 5, 2, undefined],
    )
    assert.deepEqual(verdicts, outcome({ deleted: 5 }))
  })

  test('has an upload among its lists', async () => {
    const source = { type: 'union' as const, of: [list(id18(1)), { type: 'upload' as const }] }
    const request = { org: quiet.org, object: 'Contact', dryRun: true, source }
    const bytes = (async function* () {
      yield Buffer.from(`Id\n${id18(2)}\n`)
    })()
    const { id } = (await quiet.producer.submit(request, bytes)).request
    await planByHand(quiet, id, await plannerDeps(quiet))
    const view = await quiet.producer.inspect(id, { org: quiet.org })
    assert.equal(view?.plan?.accepted, 2)
  })

  test('names the list of a refused row', async () => {
    const file = await fileOf(quiet, 'wrong.csv', `Id\n${id18(1)}\nnonsense\n`)
    const of = [list(id18(2)), file, list('worse')]
    const { id, status, error } = await planned({ type: 'union', of })
    assert.deepEqual([status, error?.code], ['refused', 'INVALID_ROWS'])
    assert.match(error?.message ?? '', /^2 rows have no valid id; the first is source 2, line 3: /)
    assert.deepEqual(
      (await linesOf(quiet, id, 'invalid.csv'))?.map((line) => line.split(',non')[0]?.slice(0, 18)),
      ['"source 2, line 3"', '"source 3, id 1",w'],
    )
  })

  test('names the list that cannot be read', async () => {
    const missing = { type: 'file' as const, path: join(quiet.folder, 'missing.csv') }
    const { status, error } = await planned({ type: 'union', of: [list(id18(1)), missing] })
    assert.deepEqual([status, error?.code], ['failed', 'SOURCE_NOT_FOUND'])
    assert.match(error?.message ?? '', /^Source 2: .*missing\.csv does not exist/)
    const empty = await fileOf(quiet, 'empty.csv', '')
    const refused = await planned({ type: 'union', of: [list(id18(1)), empty] })
    assert.equal(refused.error?.code, 'EMPTY_SOURCE')
    assert.match(refused.error?.message ?? '', /^Source 2: /)
  })

  test('does not nest, nor take two uploads or too many ids', async () => {
    const upload = { type: 'upload' }
    const many = list(...ids18(5001))
    for (const source of [
      { type: 'union', of: [{ type: 'union', of: [list()] }] },
      { type: 'union', of: [] },
      { type: 'union', of: [upload, upload] },
      { ...upload, except: upload },
      { type: 'union', of: [many], except: many },
      { ...list(), except: { ...list(), except: list() } },
    ]) {
      const request = { org: quiet.org, object: 'Contact', source }
      await assert.rejects(quiet.producer.submit(JSON.parse(JSON.stringify(request))), {
        code: 'INVALID_REQUEST',
      })
    }
  })

  test('keeps no id in its record', async () => {
    const source = { type: 'union' as const, of: [list(id18(7))], except: list(id18(8)) }
    const id = await submit(quiet, source)
    const record = await quiet.store.redis.hgetall(quiet.store.ledger.keys.request(id))
    const shown = JSON.stringify(record)
    assert.ok(!shown.includes(id15(7)) && !shown.includes(id15(8)))
  })

  test('is the same request only with the same content of every list', async () => {
    const file = await fileOf(quiet, 'pinned.csv', `${id18(1)}\n`)
    const of = [list(id18(1)), { ...file, sha256: 'a'.repeat(64) }]
    const id = await submit(quiet, { type: 'union', of })
    assert.equal(await submit(quiet, { type: 'union', of }, { id }), id)
    const elsewhere = { ...file, path: '/elsewhere.csv', sha256: 'a'.repeat(64) }
    assert.equal(await submit(quiet, { type: 'union', of: [list(id18(1)), elsewhere] }, { id }), id)
    for (const other of [
      [list(id18(2)), { ...file, sha256: 'a'.repeat(64) }],
      [list(id18(1)), { ...file, sha256: 'b'.repeat(64) }],
      [list(id18(1))],
    ]) {
      await assert.rejects(submit(quiet, { type: 'union', of: other }, { id }), ConflictError)
    }
    const excepting = { type: 'union' as const, of, except: list(id18(1)) }
    await assert.rejects(submit(quiet, excepting, { id }), ConflictError)
  })

  test('is not planned if one of its files changed after a worker died over it', async (t) => {
    const world = await startWorld(t, { redis })
    const first = await fileOf(world, 'first.csv', `${id18(1)}\n`)
    const second = await fileOf(world, 'second.csv', `${id18(2)}\n`)
    const id = await submit(world, { type: 'union', of: [first, second] })
    const died = new Error('died')
    const deps = await plannerDeps(world, {
      ledger: () => ({
        planned: async () => {
          throw died
        },
      }),
    })
    await assert.rejects(planByHand(world, id, deps), died)
    await writeFile(second.path, `${id18(3)}\n`)
    await world.startWorker()
    const { status, error } = await receiptOf(world, id)
    assert.deepEqual([status, error?.code], ['failed', 'SOURCE_CHANGED'])
    assert.match(error?.message ?? '', /^Source 2: .*second\.csv/)
  })
})

describe('except', () => {
  test('leaves ids out, whatever their form', async () => {
    const source = { ...list(...ids18(4)), except: list(id15(1), id18(3), id18(99)) }
    const { plan } = await planned(source, { onUnchecked: 'accept' })
    assert.deepEqual([plan?.read, plan?.accepted, plan?.excluded], [4, 2, 2])
    assert.equal(plan?.sha256, digestOf([id15(0), id15(2)]))
  })

  test('leaves nothing to do if it has every id', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker()
    const id = await submit(world, { ...list(...ids18(3)), except: list(...ids18(3)) })
    const { status, plan } = await receiptOf(world, id)
    assert.deepEqual([status, plan?.accepted, plan?.excluded], ['completed', 0, 3])
    assert.equal(world.sandbox.referee.stats().jobs.length, 0)
  })

  test('may be a header alone, but not a file without bytes', async () => {
    const header = await fileOf(quiet, 'header.csv', 'Id\n')
    const { plan } = await planned({ ...list(id18(1)), except: header })
    assert.deepEqual([plan?.accepted, plan?.excluded], [1, 0])
    const empty = await fileOf(quiet, 'none.csv', '')
    const { error } = await planned({ ...list(id18(1)), except: empty })
    assert.equal(error?.code, 'EMPTY_SOURCE')
    assert.match(error?.message ?? '', /^Except: /)
  })

  test('refuses the request for a row that is no id of the object, and never skips it', async () => {
    const lead = id18(1, '00Q')
    for (const wrong of ['nonsense', lead, `${id15(1)}AAZ`]) {
      const file = await fileOf(quiet, 'except.csv', `Id\n${id18(1)}\n${wrong}\n`)
      const source = { ...list(...ids18(3)), except: file }
      const { id, status, plan, error } = await planned(source, { onInvalid: 'skip' })
      assert.deepEqual([status, error?.code, plan], ['refused', 'INVALID_EXCEPT', null])
      assert.match(error?.message ?? '', /^1 row of a list in "except" .* except, line 3: /)
      const [row = ''] = (await linesOf(quiet, id, 'invalid.csv')) ?? []
      assert.ok(row.startsWith('"except, line 3",'), row)
    }
  })

  test('refuses ids without checksum unless they are accepted, and changed case always', async () => {
    const source = { ...list(...ids18(3)), except: list(id15(1)) }
    const { error } = await planned(source)
    assert.equal(error?.code, 'UNCHECKED_IDS')
    assert.match(error?.message ?? '', /^Except: 1 of 1 ids has 15 characters/)
    const upper = Array.from({ length: 200 }, (_, n) => id15(62 ** 3 + n * 977).toUpperCase())
    const damaged = { ...list(...ids18(3)), except: list(...upper) }
    const refused = await planned(damaged, { onUnchecked: 'accept' })
    assert.equal(refused.error?.code, 'CASE_DAMAGED')
    assert.match(refused.error?.message ?? '', /^Except: /)
  })

  test('belongs to its member, or to all of a union', async () => {
    const of = [{ ...list(id18(1), id18(2)), except: list(id18(1)) }, list(id18(1), id18(3))]
    const { plan } = await planned({ type: 'union', of, except: list(id18(3)) })
    assert.deepEqual([plan?.read, plan?.accepted, plan?.excluded, plan?.duplicate], [4, 2, 2, 0])
    assert.equal(plan?.sha256, digestOf([id15(1), id15(2)]))
  })

  test('counts against the memory of the plan', async () => {
    const scattered = Array.from({ length: 9000 }, (_, n) => id18(n * 62 ** 5 + n))
    const source = { ...list(...ids18(900)), except: list(...scattered) }
    const { error } = await planned(source, {}, { maxPlanMemory: 2 ** 20 })
    assert.equal(error?.code, 'PLAN_TOO_SCATTERED')
    const other = { ...list(...scattered.slice(0, 9000)), except: list(...ids18(900)) }
    const refused = await planned(other, {}, { maxPlanMemory: 2 ** 20 })
    assert.equal(refused.error?.code, 'PLAN_TOO_SCATTERED')
  })

  test('holds for a plan that is kept and applied', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker()
    const source = { ...list(...ids18(3)), except: list(id18(1)) }
    const id = await submit(world, source, { dryRun: true })
    await statusReached(world, id, 'planned')
    const approved = await world.producer.approve(id, { org: world.org })
    const { outcome: verdicts } = await receiptOf(world, approved.id)
    assert.deepEqual(verdicts, outcome({ deleted: 2 }))
  })
})

test('unions and excepts are the sets that they describe', async () => {
  const ids = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 25 })
  // Rows that are no ids are skipped, in whichever list they are, and excluded by none.
  const wrong = fc.nat({ max: 3 })
  const member = fc.record({ ids, wrong, except: fc.option(ids) })
  const source = fc.record({
    of: fc.array(member, { minLength: 1, maxLength: 4 }),
    except: fc.option(ids),
  })
  await fc.assert(
    fc.asyncProperty(source, async ({ of, except }) => {
      const listed = (numbers: readonly number[]) => list(...numbers.map((n) => id18(n)))
      const excepting = (numbers: readonly number[] | null) =>
        numbers === null ? {} : { except: listed(numbers) }
      const given = of.map((one) => {
        const { ids } = listed(one.ids)
        const all = ids.concat(Array.from({ length: one.wrong }, () => 'nonsense'))
        return { ...list(...all), ...excepting(one.except) }
      })
      const source = { type: 'union' as const, of: given, ...excepting(except) }
      const { plan } = await planned(source, { onInvalid: 'skip' })
      const left = of.flatMap((one) =>
        one.ids.filter((n) => !(one.except ?? []).includes(n) && !(except ?? []).includes(n)),
      )
      const accepted = new Set(left)
      const valid = of.reduce((sum, one) => sum + one.ids.length, 0)
      const invalid = of.reduce((sum, one) => sum + one.wrong, 0)
      const hasExcept = except !== null || of.some((one) => one.except !== null)
      assert.deepEqual(plan, {
        read: valid + invalid,
        accepted: accepted.size,
        invalid,
        duplicate: left.length - accepted.size,
        ...(hasExcept ? { excluded: valid - left.length } : {}),
        unchecked: 0,
        chunks: accepted.size > 0 ? 1 : 0,
        sha256: digestOf([...accepted].map((n) => id15(n))),
      })
    }),
    { numRuns: runs(40) },
  )
})

function digestOf(ids: readonly string[]): string {
  const hash = createHash('sha256')
  for (const id of ids.toSorted()) hash.update(`${id}\n`)
  return hash.digest('hex')
}

test('a list that is excepted is the same in every attempt to plan', async (t) => {
  const world = await startWorld(t, { redis })
  const except = await fileOf(world, 'except.csv', `${id18(1)}\n`)
  const id = await submit(world, { ...list(...ids18(3)), except })
  const died = new Error('died')
  const dies = async () => {
    throw died
  }
  const deps = await plannerDeps(world, { ledger: () => ({ planned: dies }) })
  await assert.rejects(planByHand(world, id, deps), died)
  await writeFile(except.path, `${id18(2)}\n`)
  await planByHand(world, id, await plannerDeps(world))
  const view = await world.producer.inspect(id, { org: world.org })
  const { status, error } = view?.receipt ?? {}
  assert.deepEqual([status, error?.code], ['failed', 'SOURCE_CHANGED'])
  assert.match(error?.message ?? '', /^Except: .*except\.csv/)
})
