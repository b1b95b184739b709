import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import type { DeletionRequestInput } from '../../../src/producer/producer.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import type { SourcesConfig } from '../../../src/shared/config/config.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { linesOf, receiptOf, statusReached } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import type { TestRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

/** A source as a request gives it, and the bytes beside it, if any. */
interface Given {
  readonly source: DeletionRequestInput['source']
  readonly upload?: AsyncIterable<Uint8Array>
}

/** What a kind of source must offer for its requests to be put to the test. */
export interface SourceOfRequests {
  readonly redis: TestRedis
  /** The section `sources` of the worker's configuration. */
  settings?(): SourcesConfig
  /** A source of exactly these bytes, in this world. */
  of(world: World, bytes: Buffer): Promise<Given>
  /** A source that sends the first half and then fails for good. */
  breaking?(world: World, bytes: Buffer): Promise<Given & { readonly code: string }>
  /** A source that sends the first half and then nothing, for as long as it is read. */
  stalling?(world: World, bytes: Buffer): Promise<Given>
  /** How many connections, handles and the like are open now. */
  open?(): Promise<number>
  /** Texts that nobody may see: passwords, keys, tokens. */
  readonly secrets?: readonly string[]
  /** Its most ids, where it takes no 100,000. */
  readonly most?: number
  /** How it counts the second of five rows, and says so; null where it can hold no wrong row. */
  readonly secondRow?: { readonly line: number; readonly words: string } | null
  /** Whether it gives its ids in ascending order, whatever their order at the source. */
  readonly sorts?: boolean
}

const COUNT = 100_000
/** More than a stream buffers, even the half. */
const FEWER = 10_000
/** 100,000 ids, no two neighbours beside each other: a large prime has no factor in common with it. */
const IDS = ids18(COUNT).map((_, n, all) => all[(n * 2_654_435_761) % COUNT] ?? '')

/** The first line is the header. */
const SECOND_LINE = { line: 3, words: 'line 3' }

/** What requests promise of every source, whatever it reads from. */
export function describePlans(kind: string, on: SourceOfRequests): void {
  const { most = COUNT, secondRow = SECOND_LINE, secrets = [] } = on

  describe(`a request with the source ${kind}`, () => {
    test('plans the same ids as any other source, in order', async (t) => {
      const { world, submit, shown } = await setup(t, on)
      const ids = IDS.slice(0, most)
      const id = await submit(await on.of(world, csvOf(ids)), { approval: 'required' })
      await statusReached(world, id, 'awaiting-approval')
      const record = await world.store.ledger.load(id)
      assert.equal(record?.plan?.accepted, ids.length)
      assert.equal(record.plan.sha256, digestOf(ids))
      const planned = await stagedIds(world, id)
      const expected = on.sorts === true ? ids.toSorted() : ids
      assert.ok(planned === expected.map((id) => id.slice(0, 15)).join(''), 'the order was lost')
      assertHides(await shown(id), secrets)
    })

    if (secondRow !== null) {
      test('tells where a row is that is no id', async (t) => {
        const { world, submit } = await setup(t, on)
        const ids = ids18(5)
        const id = await submit(await on.of(world, csvOf(ids.with(1, 'nonsense'))))
        const { status, error } = await receiptOf(world, id)
        assert.deepEqual([status, error?.code], ['refused', 'INVALID_ROWS'])
        const { line, words } = secondRow
        assert.ok(error?.message.includes(`the first is ${words}: non…`), error?.message)
        const [row = ''] = (await linesOf(world, id, 'invalid.csv')) ?? []
        assert.ok(row.startsWith(`${line},`), row)
      })
    }

    const { breaking, stalling } = on
    if (breaking !== undefined) {
      test('deletes and stages nothing if it fails half-way', async (t) => {
        const { world, submit, shown } = await setup(t, on)
        const before = await on.open?.()
        const { code, ...given } = await breaking(world, csvOf(IDS.slice(0, FEWER)))
        const id = await submit(given)
        const { status, error, outcome, plan } = await receiptOf(world, id)
        assert.deepEqual({ status, code: error?.code }, { status: 'failed', code })
        assert.deepEqual({ outcome, plan }, { outcome: null, plan: null })
        await poll(async () => ((await world.store.staging.lots()).length === 0 ? true : null))
        assert.equal(world.sandbox.referee.stats().jobs.length, 0)
        await poll(async () => ((await on.open?.()) === before ? true : null))
        assertHides(await shown(id), secrets)
      })
    }

    if (stalling !== undefined) {
      test('ends soon after it is cancelled, though its source sends nothing', async (t) => {
        const { world, submit, shown } = await setup(t, on)
        const before = await on.open?.()
        const id = await submit(await stalling(world, csvOf(IDS.slice(0, FEWER))))
        await statusReached(world, id, 'planning')
        await world.producer.cancel(id, { org: world.org })
        assert.equal((await receiptOf(world, id)).status, 'cancelled')
        await poll(async () => ((await on.open?.()) === before ? true : null))
        assertHides(await shown(id), secrets)
      })
    }
  })
}

async function setup(t: TestContext, { redis, settings }: SourceOfRequests) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ level: 'trace', destination })
  const world = await startWorld(t, { redis, log, clock: leapingClock() })
  const { org, producer } = world
  await world.startWorker(settings === undefined ? {} : { sources: settings() })
  return {
    world,
    submit: async ({ source, upload }: Given, fields: Partial<DeletionRequestInput> = {}) => {
      const request = { org, object: 'Contact', ...fields, source }
      return (await producer.submit(request, upload)).request.id
    },
    /** All that anybody can see of a request: its view, its record, the log. */
    shown: async (id: string) => {
      const view = await producer.inspect(id, { org })
      const record = await world.store.redis.hgetall(world.store.ledger.keys.request(id))
      return [JSON.stringify(view), JSON.stringify(record), ...lines].join('\n')
    },
  }
}

function assertHides(shown: string, secrets: readonly string[]): void {
  assert.ok(shown.length > 0)
  for (const secret of secrets) assert.ok(!shown.includes(secret), `it shows ${secret}`)
}

const csvOf = (ids: readonly string[]): Buffer => Buffer.from(['Id', ...ids, ''].join('\n'))

function digestOf(ids: readonly string[]): string {
  const hash = createHash('sha256')
  for (const id of ids.map((id) => id.slice(0, 15)).sort()) hash.update(`${id}\n`)
  return hash.digest('hex')
}

/** The ids of a plan as they lie in Redis, one behind the other. */
async function stagedIds({ store }: World, id: string): Promise<string> {
  const record = await store.ledger.load(id)
  assert.ok(record?.lot)
  const lot = { request: id, lot: record.lot }
  const [first] = (await store.staging.lots()).filter((one) => one.lot === lot.lot)
  assert.ok(first)
  let text = ''
  for (let list = first.first; list < first.chunks; list++) {
    for await (const block of store.staging.read(lot, list)) text += Buffer.from(block).toString()
  }
  return text
}
