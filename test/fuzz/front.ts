import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConflictError, type DeletionRequestInput } from '../../src/producer/producer.ts'
import { ID_LENGTH } from '../../src/shared/contract/record-id.ts'
import type { RequestRecord } from '../../src/shared/store/ledger/record.ts'
import { settleRequest } from '../../src/worker/end/settle.ts'
import type { PlannerDeps } from '../../src/worker/plan/planner.ts'
import type { Scope } from '../chaos/helpers/scope.ts'
import { fc, runs } from '../helpers/fast-check.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'
import { damage, damagedText } from './damage.ts'
import { dialect, namedColumn } from './dialect.ts'
import { type Case, type Expectation, expectationOf, isPossible } from './expectation.ts'
import { rows, textOf } from './meaning.ts'

/**
 * The whole front against the model of what was meant: a text is submitted by some way in, planned
 * by some worker, and what stands ready to be deleted is read back from Redis, id by id.
 */

/** How the text comes to the planner. */
type Way = 'upload' | 'file' | 'ids'

interface Trial extends Case {
  readonly way: Way
  /** Which of the workers plans. */
  readonly planner: number
}

const trial: fc.Arbitrary<Trial> = fc
  .record({
    rows,
    dialect,
    damage,
    options: fc.record({
      onInvalid: fc.constantFrom('refuse', 'skip', 'skip'),
      onUnchecked: fc.constantFrom('refuse', 'accept'),
      maxRecords: fc.constantFrom(null, null, null, 25),
    }),
    way: fc.constantFrom<Way>('upload', 'file', 'ids'),
    planner: fc.nat(1),
  })
  .filter(isPossible)
  .map((one) => (one.way === 'ids' && !fitsInline(one) ? { ...one, way: 'upload' } : one))

/** A list within the request has neither header nor dialect, and takes no quotes or separators. */
function fitsInline({ dialect: { layout }, damage: { kind }, rows: all }: Case): boolean {
  const isPlain = all.every(({ id }) => id.kind !== 'empty')
  return layout === 'list' && isPlain && ['none', 'upper', 'lower'].includes(kind)
}

type End = 'planned' | 'refused'

/** Planned side by side, as by a busy worker: each of them mostly waits for Redis and the disk. */
const AT_ONCE = 8

/** @throws where an id stands ready that the model does not allow; the trial is shrunk and shown */
export async function fuzz(scope: Scope, plans: number): Promise<void> {
  const redis = await startRedis(scope, { appendOnly: true, args: ['--appendfsync', 'no'] })
  const world = await startWorld(scope, { redis })
  const planners = [await plannerDeps(world), await plannerDeps(world)]
  const came = new Set<End>()
  let number = 0
  const batch = fc.array(trial, { minLength: 1, maxLength: AT_ONCE, size: 'max' })
  const property = fc.asyncProperty(batch, async (all) => {
    const before = number
    number += all.length
    const ends = all.map((one, at) => carryOut(one, before + at, world, planners))
    for (const end of await Promise.all(ends)) came.add(end)
  })
  // On average a batch is half full.
  await fc.assert(property, { numRuns: runs(Math.ceil((2 * plans) / (AT_ONCE + 1))) })
  assert.equal(came.size, 2)
}

/** @throws AssertionError where an id stands ready that the model does not allow */
async function carryOut(
  one: Trial,
  number: number,
  world: World,
  planners: readonly PlannerDeps[],
): Promise<End> {
  const id = `fuzz-${number}`
  const text = damagedText(one.rows, one.dialect, one.damage) ?? ''
  const request = await requestOf(one, id, text, world)
  const submit = () =>
    world.producer.submit(request, one.way === 'upload' ? upload(text) : undefined)
  await submit()
  const planner = planners[one.planner % planners.length]
  assert.ok(planner !== undefined)
  await planByHand(world, id, planner)
  const record = await world.store.ledger.load(id)
  assert.ok(record !== null)
  const ready = await readyIds(record, world)
  compare(expectationOf(asPlanned(one)), record, ready)
  await replay(one, request, text, submit, world)
  await world.store.ledger.decline(id)
  await settleRequest(id, planner, context())
  return ready === null ? 'refused' : 'planned'
}

/** A list within the request stands without header. */
function asPlanned(one: Trial): Trial {
  if (one.way !== 'ids') return one
  return { ...one, dialect: { ...one.dialect, header: 'Id', order: ['id'] } }
}

async function requestOf(
  { rows: all, options, way, dialect: style, damage: { kind } }: Trial,
  id: string,
  text: string,
  { org, folder }: World,
): Promise<DeletionRequestInput> {
  const column = namedColumn(style)
  const inColumn = column === undefined ? {} : { column }
  const common = { id, org, object: 'Contact', approval: 'required', ...options } as const
  switch (way) {
    case 'upload':
      return { ...common, source: { type: 'upload', ...inColumn } }
    case 'file': {
      const path = join(folder, `${id}.csv`)
      await writeFile(path, text)
      return { ...common, source: { type: 'file', path, ...inColumn } }
    }
    case 'ids': {
      const ids = all.map((row) => textOf(row.id))
      const recased = {
        upper: (s: string) => s.toUpperCase(),
        lower: (s: string) => s.toLowerCase(),
      }
      const spell = kind === 'upper' || kind === 'lower' ? recased[kind] : (s: string) => s
      return { ...common, source: { type: 'ids', ids: ids.map(spell) } }
    }
    default:
      throw new TypeError(`Unknown way ${String(way satisfies never)}`)
  }
}

async function* upload(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

/** The ids that only wait for their approval; null where the plan was refused. */
async function readyIds(
  { request, status, plan }: RequestRecord,
  { store }: World,
): Promise<ReadonlySet<string> | null> {
  if (status === 'completed') return new Set()
  if (status !== 'awaiting-approval') return null
  const ids: string[] = []
  const orders = new Set((await store.ledger.openChunks(request.id)).values())
  for (const name of orders) {
    const order = await store.ledger.ingestOrder(name)
    for (const chunk of order?.order.chunks ?? []) {
      for await (const bytes of store.staging.read(chunk, chunk.chunk)) {
        const text = Buffer.from(bytes).toString('latin1')
        for (let at = 0; at < text.length; at += ID_LENGTH) ids.push(text.slice(at, at + ID_LENGTH))
      }
    }
  }
  assert.equal(ids.length, plan?.accepted)
  assert.equal(new Set(ids).size, ids.length, 'an id is staged twice')
  return new Set(ids)
}

function compare(
  expected: Expectation,
  { status, receipt }: RequestRecord,
  ready: ReadonlySet<string> | null,
): void {
  const found = `${status}, ${receipt?.error?.code ?? 'no error'}: ${receipt?.error?.message ?? ''}`
  switch (expected.kind) {
    case 'refused':
      assert.equal(ready, null, `expected a refusal (${expected.why}), got ${found}`)
      assert.equal(status, 'refused', found)
      return
    case 'planned':
      assert.deepEqual(ready === null ? found : [...ready].sort(), [...expected.ids].sort())
      return
    case 'at-most':
      assert.deepEqual(
        [...(ready ?? [])].filter((id) => !expected.ids.has(id)),
        [],
        'ids stand ready that nobody meant',
      )
      return
    case 'unseen':
      return
    default:
      throw new TypeError(`Unknown expectation ${JSON.stringify(expected satisfies never)}`)
  }
}

/** The same again is the same request; under its id nothing else is ever taken. */
async function replay(
  one: Trial,
  request: DeletionRequestInput,
  text: string,
  submit: () => Promise<{ readonly created: boolean }>,
  { producer }: World,
): Promise<void> {
  assert.equal((await submit()).created, false)
  const other = { ...request, onInvalid: request.onInvalid === 'skip' ? 'refuse' : 'skip' } as const
  const bytes = one.way === 'upload' ? upload(text) : undefined
  await assert.rejects(producer.submit(other, bytes), ConflictError)
  if (one.way === 'upload') {
    await assert.rejects(producer.submit(request, upload(`${text}\n`)), ConflictError)
  }
}
