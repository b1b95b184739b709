import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { Bucket } from '../../../src/shared/bucket/bucket.ts'
import { openPostgres } from '../../../src/worker/sources/postgres/postgres.ts'
import { warehouseAt } from '../../helpers/postgres.ts'

/** As after `npm install --omit=optional`; in a file of its own, because what is loaded stays. */

const missing = ['@aws-sdk/client-s3', 'pg', 'pg-copy-streams']
registerHooks({
  resolve: (specifier, context, next) => {
    if (!missing.includes(specifier)) return next(specifier, context)
    const why = `Cannot find package '${specifier}'`
    throw Object.assign(new Error(why), { code: 'ERR_MODULE_NOT_FOUND' })
  },
})

test('a bucket names the package that is to be installed', async () => {
  const settings = { name: 'exports', bucket: 'ids', region: null, endpoint: null, key: null }
  await using bucket = closing(new Bucket({ ...settings, pathStyle: false }))
  const why =
    /^s3:\/\/ids\/a\.csv .*: the package @aws-sdk\/client-s3, .* npm install @aws-sdk\/client-s3 /
  await assert.rejects(bucket.read('a.csv'), { code: 'BUCKET_NO_SDK', message: why })
})

test('a query of PostgreSQL names the packages that are to be installed', async () => {
  const settings = warehouseAt('postgres://user:secret@127.0.0.1:1/db', {})
  const source = { type: 'postgres', connection: 'warehouse', query: 'SELECT 1' } as const
  const rows = openPostgres(source, { settings, signal: new AbortController().signal })
  await assert.rejects(Array.fromAsync(rows), {
    code: 'SOURCE_NOT_READABLE',
    message: /npm install pg pg-copy-streams /,
  })
})

function closing(bucket: Bucket): Bucket & AsyncDisposable {
  return Object.assign(bucket, { [Symbol.asyncDispose]: () => bucket.close() })
}
