import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerWithin, failed, findingLines } from '../../../src/cli/doctor/finding.ts'
import { judge } from '../../../src/cli/doctor/redis.ts'
import { judgeLimit } from '../../../src/cli/doctor/salesforce.ts'
import { plain } from '../plain.ts'

const GOOD = {
  product: 'redis',
  version: '7.4.1',
  supported: true,
  role: 'master',
  primary: null,
  evictionPolicy: 'noeviction',
  appendOnly: true,
  replicas: 0,
  needsReplicas: false,
  maxMemory: 1024 ** 3,
  usedMemory: 512 * 1024 ** 2,
  isNode: false,
  isSentinel: false,
} as const

const verdicts = (facts: Parameters<typeof judge>[0], config?: Parameters<typeof judge>[2]) =>
  Object.fromEntries(
    judge(facts, 'redis://r', config).map(({ check, verdict }) => [check, verdict]),
  )

test('a Redis that keeps what it is given passes', () => {
  assert.deepEqual(new Set(Object.values(verdicts(GOOD))), new Set(['ok']))
})

test('what would lose requests is a warning, what cannot work is a failure', () => {
  assert.equal(verdicts({ ...GOOD, supported: false })['Redis'], 'fail')
  assert.equal(verdicts({ ...GOOD, role: 'slave' })['Redis role'], 'fail')
  assert.equal(verdicts({ ...GOOD, evictionPolicy: 'allkeys-lru' })['Redis eviction'], 'fail')
  const unlimited = { ...GOOD, evictionPolicy: 'allkeys-lru', maxMemory: 0 }
  assert.equal(verdicts(unlimited)['Redis eviction'], 'warn')
  assert.equal(verdicts({ ...GOOD, appendOnly: false })['Redis persistence'], 'fail')
  const allowed = verdicts({ ...GOOD, appendOnly: false }, { volatile: true })
  assert.equal(allowed['Redis persistence'], 'warn')
  assert.equal(verdicts({ ...GOOD, usedMemory: 800 * 1024 ** 2 })['Redis memory'], 'warn')
  assert.equal(verdicts({ ...GOOD, maxMemory: 0 })['Redis memory'], 'ok')
})

test('replicas that a primary does not need are a warning, with Sentinel before one is there too', () => {
  const replicas = (facts: object, kind?: 'sentinel') =>
    verdicts({ ...GOOD, ...facts }, kind === undefined ? {} : { kind })['Redis replicas']
  assert.equal(replicas({}), undefined)
  assert.equal(replicas({ replicas: 1 }), 'warn')
  assert.equal(replicas({}, 'sentinel'), 'warn')
  assert.equal(replicas({ replicas: 1, needsReplicas: true }, 'sentinel'), 'ok')
})

test('an allowance is fine above a tenth, and used up at nothing', () => {
  const at = (remaining: number) => judgeLimit('x', { max: 15_000, remaining }).verdict
  assert.deepEqual([at(1500), at(1499), at(0)], ['ok', 'warn', 'fail'])
  assert.equal(judgeLimit('x', null).verdict, 'warn')
})

test('a check that takes too long names who did not answer', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const signal = answerWithin(30_000, 'https://acme.my.salesforce.com')
  t.mock.timers.tick(29_999)
  assert.equal(signal.aborted, false)
  t.mock.timers.tick(1)
  const { found } = failed('Login', signal.reason)
  assert.equal(found, 'No answer from https://acme.my.salesforce.com within 30 s.')
})

test('every line says what was found, and below it what to do', () => {
  const lines = findingLines(judge({ ...GOOD, appendOnly: false }, 'redis://r'), plain).split('\n')
  assert.equal(lines[0], '✓ Redis              redis 7.4.1 at redis://r')
  assert.equal(lines[3], '✗ Redis persistence  no append-only file: a restart loses requests')
  assert.equal(lines[4], '                     → Set appendonly to yes, or redis.volatile: true.')
})
