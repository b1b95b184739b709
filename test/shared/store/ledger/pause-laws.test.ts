import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { PAUSE_REASONS, type PauseReason } from '../../../../src/shared/store/ledger/pause.ts'
import type { PauseNeed } from '../../../../src/shared/store/ledger/pause-fault.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { connect, ledgerOf } from './setup.ts'

const server = await startRedis({ after })

const SECOND = 1000
const MINUTE = 60 * SECOND
const NOW = 1_795_000_000_000

type Op =
  | {
      readonly verb: 'raise'
      readonly by: number
      readonly reason: PauseReason
      readonly afterMs: number
    }
  | {
      readonly verb: 'enter'
      readonly by: number
      readonly need: PauseNeed
      readonly stopping: boolean
    }
  | { readonly verb: 'clear' | 'leave'; readonly by: number }
  | { readonly verb: 'pause'; readonly abort: boolean }
  | { readonly verb: 'resume' }
  | { readonly verb: 'sleep'; readonly ms: number }

const by = fc.nat(2)
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('raise'),
      by,
      reason: fc.constantFrom(...PAUSE_REASONS),
      afterMs: fc.constantFrom(0, 0, 0, SECOND, 10 * MINUTE),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      verb: fc.constant('enter'),
      by,
      need: fc.constantFrom('start', 'follow'),
      stopping: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom('clear', 'leave'), by }) },
  fc.record({ verb: fc.constant('pause'), abort: fc.boolean() }),
  fc.record({ verb: fc.constant('resume') }),
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('sleep'),
      ms: fc.constantFrom(1, 5 * SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE),
    }),
  },
)

/** What the pause is to do, told once more without Redis. */
class Model {
  now = NOW
  operator: { abort: boolean } | null = null
  fault: {
    reason: PauseReason
    failures: number
    since: number
    until: number
    own: number
    probe?: number
    lease?: number
  } | null = null
  /** The fault that each was asked to try. */
  readonly #tries = new Map<number, number>()

  triesOf(by: number): number {
    return this.#tries.get(by) ?? 0
  }

  apply(op: Op): unknown {
    switch (op.verb) {
      case 'raise':
        return this.#raise(op)
      case 'enter': {
        const kind = this.#enter(op)
        if (kind === 'probe' && this.fault) this.#tries.set(op.by, this.fault.since)
        return kind
      }
      case 'clear': {
        if (this.fault?.since !== this.triesOf(op.by)) return 'kept'
        this.fault = null
        return 'cleared'
      }
      case 'leave':
        if (this.fault?.probe === op.by) this.#letGo()
        return undefined
      case 'pause':
        this.operator = { abort: op.abort || this.operator?.abort === true }
        return undefined
      case 'resume':
        this.operator = null
        return undefined
      case 'sleep':
        this.now += op.ms
        return undefined
      default:
        throw new TypeError(`Unknown step ${JSON.stringify(op satisfies never)}`)
    }
  }

  #raise({ by, reason, afterMs }: Extract<Op, { verb: 'raise' }>): string {
    const asked = afterMs > 0 ? this.now + afterMs : 0
    const isProbe = this.fault !== null && this.fault.probe === by
    const isWorse = this.fault?.reason === 'quota' && reason !== 'quota'
    if (this.fault !== null && !isProbe && !isWorse) {
      this.fault.until = Math.max(this.fault.until, asked)
      return 'stands'
    }
    const failures = isProbe ? (this.fault?.failures ?? 0) + 1 : 1
    const own = this.now + Math.min(5 * MINUTE, 5 * SECOND * 2 ** (failures - 1))
    this.fault = {
      reason,
      failures,
      since: isProbe ? (this.fault?.since ?? 0) : this.now,
      own,
      until: Math.max(own, asked),
    }
    return 'raised'
  }

  #enter({ by, need, stopping }: Extract<Op, { verb: 'enter' }>): 'go' | 'wait' | 'probe' {
    const { fault, now } = this
    if (this.operator !== null && need === 'start') return 'wait'
    if (fault === null) return 'go'
    if (fault.probe !== by) {
      if (fault.reason === 'quota' && need === 'follow') return 'go'
      const due = stopping ? fault.own : fault.until
      if (now < due || now < (fault.lease ?? 0)) return 'wait'
    }
    fault.probe = by
    fault.lease = now + (fault.reason === 'quota' ? 15 * MINUTE : MINUTE)
    return 'probe'
  }

  #letGo(): void {
    if (this.fault === null) return
    const { probe: _, lease: __, ...fault } = this.fault
    this.fault = fault
  }
}

test('however its verbs interleave and repeat, the pause does as the model does', async (t) => {
  const redis = connect(t, server)
  const seen = new Set<string>()
  const property = fc.asyncProperty(
    fc.array(anyOp, { minLength: 10, maxLength: 60 }),
    async (ops) => {
      const { ledger } = ledgerOf(redis, randomUUID())
      const model = new Model()
      const run = async (op: Op): Promise<unknown> => {
        const { now } = model
        switch (op.verb) {
          case 'raise':
            return ledger.raiseFault({ ...op, by: `${op.by}`, message: 'It is down.', now })
          case 'enter':
            return (await ledger.enterGate({ ...op, by: `${op.by}`, now })).kind
          case 'clear':
            return ledger.clearFault(model.triesOf(op.by))
          case 'leave':
            return ledger.leaveGate(`${op.by}`)
          case 'pause':
            return ledger.pause(op.abort)
          case 'resume':
            return ledger.resume()
          case 'sleep':
            return undefined
          default:
            throw new TypeError(`Unknown step ${JSON.stringify(op satisfies never)}`)
        }
      }
      for (const op of ops) {
        const answer = await run(op)
        assert.deepEqual(answer, model.apply(op), JSON.stringify(op))
        seen.add(`${op.verb}: ${answer}`)
        const { operator, fault } = await ledger.pauseState()
        assert.equal(operator?.abort, model.operator?.abort)
        const { probe, ...rest } = model.fault ?? {}
        const expected = { ...rest, ...(probe === undefined ? {} : { probe: `${probe}` }) }
        const { message: _, ...actual } = fault ?? { message: '' }
        assert.deepEqual(actual, expected, JSON.stringify(op))
      }
    },
  )
  await fc.assert(property, { numRuns: runs(60) })
  for (const answer of ['raise: stands', 'enter: probe', 'enter: wait', 'clear: cleared']) {
    assert.ok(seen.has(answer), `no run had ${answer}`)
  }
})
