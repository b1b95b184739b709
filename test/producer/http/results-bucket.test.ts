import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, test } from 'node:test'
import { bucketPlace, startBucket } from '../../helpers/bucket-place.ts'
import { deleteIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import type { S3Fault } from '../../helpers/s3.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { PATH, startApi } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const s3 = await startBucket(scope)

test('a result file is streamed from a bucket, complete or with an error', async (t) => {
  const ids = ids18(10_000)
  const rules = [{ code: 'DELETE_FAILED', ids, message: 'no'.repeat(100) }]
  const world = await startWorld(t, { redis, sandbox: { rows: { rules } } })
  const config = { ...world.config, results: bucketPlace(s3, world.org) }
  await world.startWorker(config)
  const { id, files } = await deleteIds(world, ids)
  const [file] = files
  assert.ok(file !== undefined && file.bytes > 1024 * 1024)
  const api = await startApi(t, { ...world, config }, { redis })
  const path = `${PATH}/${id}/results/failed.csv?org=${world.org}`

  // The connection to the bucket breaks once, which the caller does not notice.
  let calls = 0
  /** Of the reads of the file alone: the worker still removes its parts. */
  const meddle = (fault: (call: number) => S3Fault | undefined) => {
    calls = 0
    s3.meddle = ({ method, url }) =>
      method === 'GET' && url?.includes('/failed.csv?') ? fault(++calls) : undefined
  }
  meddle((call) => (call === 1 ? { breakAfter: 500_000 } : undefined))
  const answer = await api.call(path)
  assert.deepEqual([answer.status, sha256(answer.text)], [200, file.sha256])
  assert.equal(answer.headers.get('content-length'), String(file.bytes))
  assert.equal(calls, 2)
  s3.meddle = () => undefined
  const head = await api.call(path, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text], [200, ''])

  // It is removed while it is downloaded: the caller does not take what came for the file.
  const key = `${world.org}/${world.org}/${id}/failed.csv`
  const content = await s3.read('results', key)
  meddle((call) => (call === 1 ? { breakAfter: 500_000 } : { status: 404, code: 'NoSuchKey' }))
  const cut = fetch(`${api.url}${path}`).then((response) => response.arrayBuffer())
  await assert.rejects(cut, { name: 'TypeError' })

  s3.meddle = () => ({ status: 403, code: 'AccessDenied' })
  const denied = await api.call(path)
  assert.deepEqual([denied.status, denied.json.code], [503, 'RESULTS_STORE_UNUSABLE'])
  assert.ok(denied.headers.has('retry-after') && !denied.text.includes('s3://'))
  s3.meddle = () => undefined
  await s3.put('results', key, content.subarray(1))
  const lost = await api.call(path)
  assert.deepEqual([lost.status, lost.json.code], [503, 'RESULT_FILE_LOST'])
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
