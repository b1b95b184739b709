import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cachedRead } from '../../../src/shared/base/cached-read.ts'

const PATIENT = { freshMs: 60_000, withinMs: 60_000 }

test('all who ask at once are served by one reading, and so is who asks soon after', async () => {
  let readings = 0
  const read = cachedRead(async () => ++readings, PATIENT)
  assert.deepEqual(await Promise.all([read(), read(), read()]), [1, 1, 1])
  assert.equal(await read(), 1)
})

test('what is no longer fresh is read again', async () => {
  let readings = 0
  const read = cachedRead(async () => ++readings, { ...PATIENT, freshMs: 0 })
  assert.deepEqual([await read(), await read()], [1, 2])
})

test('a failure is told as null, and not kept', async () => {
  let readings = 0
  const read = cachedRead(async () => {
    if (++readings === 1) throw new Error('away')
    return readings
  }, PATIENT)
  assert.deepEqual([await read(), await read()], [null, 2])
})

test('nobody waits for what is late, and no second is begun beside it', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  let readings = 0
  const read = cachedRead(
    () => {
      readings++
      return promise
    },
    { ...PATIENT, withinMs: 5 },
  )
  assert.deepEqual(await Promise.all([read(), read()]), [null, null])
  assert.equal(await read(), null)
  assert.equal(readings, 1)
  resolve(7)
  assert.equal(await read(), 7)
  assert.equal(readings, 1)
})
