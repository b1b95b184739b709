import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSecret } from '../../src/producer/http/key-secret.ts'
import { NO_SOURCES } from '../helpers/config.ts'
import { outcome, receiptOf } from '../helpers/deletion.ts'
import { listenHere } from '../helpers/http-server.ts'
import { id18, ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startS3 } from '../helpers/s3.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'
import { keyEntry, startApi } from '../producer/http/api.ts'

/** Whoever copies an example has to be able to rely on it. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const broken = id18(900)
const world = await startWorld(scope, {
  redis,
  sandbox: { rows: { rules: [{ code: 'DELETE_FAILED', ids: [broken] }] } },
})
const secret = createSecret()
const api = await startApi(scope, world, {
  redis,
  keys: keyEntry(`example-${world.org}`, secret, { roles: 'submit, read' }),
})
const s3 = await startS3(scope)
await s3.createBucket('exports')
const exported = ids18(4, 410)
await s3.put('exports', 'crm/1.csv', ['Id', ...exported.slice(0, 2), ''].join('\n'))
await s3.put('exports', 'crm/2.csv', ['Contact ID', ...exported.slice(2), ''].join('\n'))
const lists = createServer((request, response) => {
  const ids = ['Id', ...ids18(4, 400), ''].join('\n')
  if (request.url === '/ids.csv?signature=s') response.end(ids)
  else response.writeHead(404).end()
})
const origin = await listenHere(scope, lists)
await world.startWorker({
  sources: {
    ...NO_SOURCES,
    origins: new Map([[origin, { headers: {} }]]),
    buckets: new Map([['exports', s3.bucket('exports')]]),
  },
})

const pathOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
const ITSELF = new URL('../helpers/expunge-itself.ts', import.meta.url).href

/** Else each of them compiles all that it loads. */
const { PATH, NODE_COMPILE_CACHE } = process.env

async function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(command, [...args], {
    cwd: world.folder,
    env: { PATH, NODE_COMPILE_CACHE, ORG: world.org, REDIS_URL: redis.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // One that waits for ever fails its test, and does not keep this process from ending.
    timeout: 60_000,
  })
  const [ended, stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { code: ended[0], stdout, stderr }
}

const node = (name: string, ...args: readonly string[]) =>
  run(process.execPath, ['--import', ITSELF, pathOf(name), ...args])

describe('examples/typescript.ts', () => {
  test('approves a plan that is as expected, and prints the receipt', async () => {
    const { code, stdout, stderr } = await node('typescript.ts', 'approved', ...ids18(3))
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^submitted approved\n3 of 3 would be deleted\n\{/)
    const printed = JSON.parse(stdout.slice(stdout.indexOf('{')))
    assert.deepEqual(printed, await receiptOf(world, 'approved'))
    assert.deepEqual(printed.outcome, outcome({ deleted: 3 }))
    const again = await node('typescript.ts', 'approved', ...ids18(3))
    assert.match(again.stdout, /^approved was submitted before\n\{/)
  })

  test('cancels one that is not', async () => {
    const { code, stdout, stderr } = await node('typescript.ts', 'doubled', id18(1), id18(1))
    assert.equal(code, 1, stderr)
    assert.match(stdout, /^submitted doubled\n1 of 2 would be deleted\n/)
    assert.equal((await receiptOf(world, 'doubled')).status, 'cancelled')
  })

  test('says what is wrong with a request', async () => {
    const { code, stderr } = await node('typescript.ts', 'not an id', id18(1))
    assert.equal(code, 2)
    assert.match(stderr, /^INVALID_REQUEST: .*id: expected/)
  })
})

describe('examples/url.ts', () => {
  test('deletes what the list names', async () => {
    const { code, stdout, stderr } = await node('url.ts', 'by-url', `${origin}/ids.csv?signature=s`)
    assert.deepEqual([code, stdout, stderr], [0, 'by-url: completed, 4 deleted\n', ''])
  })

  test('says why a list cannot be read', async () => {
    const { code, stderr } = await node('url.ts', 'no-list', `${origin}/none.csv?signature=s`)
    assert.equal(code, 1)
    assert.match(stderr, /^SOURCE_NOT_FOUND: http:.*\/none\.csv\?\*\*\* does not exist/)
    const elsewhere = await node('url.ts', 'elsewhere', 'https://exports.example.com/ids.csv')
    assert.match(
      elsewhere.stderr,
      /^SOURCE_NOT_ALLOWED: https:\/\/exports\.example\.com is not one/,
    )
  })
})

describe('examples/rule.ts', () => {
  const leads = 'SELECT Id FROM Lead'

  test('deletes what a query finds, if that is a small share', async () => {
    const { code, stdout, stderr } = await node('rule.ts', 'by-rule', 'Lead', `${leads} LIMIT 30`)
    const said = '30 of about 1000000 Lead records\nby-rule: completed, 30 deleted\n'
    assert.deepEqual([code, stdout, stderr], [0, said, ''])
  })

  test('cancels a plan that takes too many', async () => {
    const { code, stdout } = await node('rule.ts', 'too-much', 'Lead', `${leads} LIMIT 50001`)
    assert.equal(code, 1)
    assert.match(stdout, /^50001 of about 1000000 Lead records\ntoo-much: cancelled, 0 deleted\n/)
  })

  test('says what is wrong with a query, and where', async () => {
    const wrong = await node('rule.ts', 'wrong', 'Lead', `${leads} WHERE Colour = 1`)
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /^SOURCE_QUERY_FAILED: .*row 1, column 27 of the query: No such col/)
    const several = await node('rule.ts', 'several', 'Lead', 'SELECT Id, Name FROM Lead')
    assert.match(several.stderr, /^INVALID_REQUEST: .*source\.query: row 1, column 10: expected/)
  })
})

describe('examples/bucket.ts', () => {
  test('deletes what all objects of the export name, if they are as many as it says', async () => {
    const fewer = await node('bucket.ts', 'too-few', 'crm/', '5')
    assert.equal(fewer.code, 1)
    assert.match(fewer.stderr, /^OTHER_PLAN: .* expected 5 records, got 4/)
    const { code, stdout, stderr } = await node('bucket.ts', 'by-bucket', 'crm/', '4')
    assert.deepEqual([code, stdout, stderr], [0, 'by-bucket: completed, 4 deleted\n', ''])
  })
})

describe('examples/bullmq.ts', () => {
  test('enqueues a request that is carried out, once', async () => {
    for (let k = 0; k < 2; k++) {
      const { code, stdout, stderr } = await node('bullmq.ts', 'by-bullmq', ...ids18(2, 100))
      assert.equal(code, 0, stderr)
      assert.match(stdout, /^by-bullmq: [a-z-]+\n$/)
    }
    const { status, outcome: counted, reason } = await receiptOf(world, 'by-bullmq')
    assert.deepEqual([status, counted, reason], ['completed', outcome({ deleted: 2 }), 'example'])
  })

  test('is told where the id is that of other records', async () => {
    await node('bullmq.ts', 'once', id18(110))
    const { code, stderr } = await node('bullmq.ts', 'once', id18(111))
    assert.equal(code, 1)
    assert.match(stderr, /^ID_TAKEN: /)
  })

  test('says why a request is refused', async () => {
    const { code, stderr } = await node('bullmq.ts', 'not an id', id18(1))
    assert.equal(code, 1)
    assert.match(stderr, /^INVALID_REQUEST: .*id: expected/)
  })
})

describe('examples/curl.sh', () => {
  const curl = (id: string, key: string) =>
    run('bash', [pathOf('curl.sh'), id, 'ids.csv', id18(200)], {
      EXPUNGE_URL: api.url,
      EXPUNGE_KEY: key,
    })

  test('submits JSON and a CSV, follows both, and fetches the result files', async () => {
    await writeFile(
      join(world.folder, 'ids.csv'),
      `Id\n${[...ids18(5, 300), broken, id18(1, '00Q')].join('\n')}\n`,
    )
    const { code, stdout, stderr } = await curl('by-curl', secret)
    assert.equal(code, 0, stderr)
    assert.equal(stderr, '')
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'by-curl-list: completed',
      'by-curl-csv: incomplete',
      'by-curl-csv-failed.csv: 1 rows',
      'by-curl-csv-invalid.csv: 1 rows',
    ])
    const failed = await readFile(join(world.folder, 'by-curl-csv-failed.csv'), 'utf8')
    assert.match(failed, new RegExp(`^Id,Code,Message\n${broken},DELETE_FAILED,`))
    const { outcome: counted } = await receiptOf(world, 'by-curl-csv')
    assert.deepEqual(counted, outcome({ deleted: 5, failed: 1 }))
  })

  test('ends where it is refused', async () => {
    const { code, stdout, stderr } = await curl('refused', createSecret())
    assert.deepEqual([code, stdout], [22, ''])
    assert.match(stderr, /401/)
  })
})
