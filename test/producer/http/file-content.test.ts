import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { PATH, startApi } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const api = await startApi(scope, world, { redis })
const csvOf = (ids: readonly string[]) => ['Id', ...ids, ''].join('\n')

const submit = (id: string, path: string, source: object = {}) =>
  api.call(PATH, {
    json: { id, org: world.org, object: 'Contact', source: { type: 'file', path, ...source } },
  })

test('a file that the producer sees is meant as it was when it was submitted', async () => {
  const path = join(world.folder, 'seen.csv')
  await writeFile(path, csvOf(ids18(20)))
  const first = await submit('seen', path)
  assert.equal(first.status, 202)
  assert.equal(first.json.request.source.sha256, hash('sha256', csvOf(ids18(20))))
  assert.equal((await submit('seen', path)).status, 200)

  await writeFile(path, csvOf(ids18(5)))
  const again = await submit('seen', path)
  assert.deepEqual([again.status, again.json.code], [409, 'ID_TAKEN'])
  assert.match(again.json.detail, /the content of its source: then sha256 .*, now sha256/)
  await world.startWorker()
  assert.equal((await receiptOf(world, 'seen')).error?.code, 'SOURCE_CHANGED')
  assert.equal(world.sandbox.referee.stats().jobs.length, 0)
})

test('of a file that it does not see the caller may say which bytes are meant', async () => {
  const path = '/on/the/workers/machine.csv'
  const [one, two] = [hash('sha256', 'one'), hash('sha256', 'two')]
  assert.equal((await submit('unseen', path, { sha256: one })).status, 202)
  assert.equal((await submit('unseen', path, { sha256: one })).status, 200)
  assert.equal((await submit('unseen', path, { sha256: two })).status, 409)
})
