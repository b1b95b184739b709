import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { STATUS_OF } from '../../src/producer/http/http-error.ts'
import { createSecret } from '../../src/producer/http/key-secret.ts'
import type { Denial } from '../../src/producer/http/rights.ts'
import type { RedisTrouble } from '../../src/shared/store/redis/trouble.ts'
import { outcome, receiptOf, statusReached } from '../helpers/deletion.ts'
import { id18, ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'
import { keyEntry, startApi } from '../producer/http/api.ts'

/** What the pages tell readers to type does what they say. */

const scope = inReverse(after)
const redis = await startRedis(scope, {})
const broken = id18(900)
const world = await startWorld(scope, {
  redis,
  name: 'default',
  sandbox: { rows: { rules: [{ code: 'DELETE_FAILED', ids: [broken] }] } },
})
await writeFile(join(world.folder, 'contacts.csv'), `Id\n${[...ids18(5), broken].join('\n')}\n`)
const [key, other] = [createSecret(), createSecret()]
const api = await startApi(scope, world, {
  redis,
  keys:
    keyEntry('crm', key, { roles: 'submit, read' }) + keyEntry('o', other, { roles: 'approve' }),
})
const open = await startApi(scope, world, { redis })
await world.startWorker()

const pageOf = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8')

/** Every call of curl on a page, its continued lines joined, without what is said of it behind a `#`. */
function callsOn(page: string): string[] {
  const joined = page.replaceAll(/ \\\n\s*/g, ' ')
  return [...joined.matchAll(/^(?:\$ )?(curl .*?)(?: +# .*)?$/gm)].map(([, call = '']) => call)
}

/** Types it into a shell; the status that came back. */
async function typed(call: string, url = api.url): Promise<string> {
  const line = `${call.replace(/http:\/\/(?:localhost|127\.0\.0\.1):8080/, url)} -sw '\n%{http_code}'`
  assert.ok(line.includes(url), call)
  const env = { PATH: process.env['PATH'], KEY: key, OTHER_KEY: other }
  const { stdout } = await promisify(execFile)('bash', ['-c', line], { cwd: world.folder, env })
  return stdout.slice(-3)
}

test('every line of the page on the HTTP API', async () => {
  const calls = callsOn(await pageOf('docs/http-api.md'))
  const [
    json = '',
    csv = '',
    look = '',
    approve = '',
    priority = '',
    cancel = '',
    file = '',
    list = '',
    retry = '',
  ] = calls
  assert.equal(calls.length, 9)
  assert.equal(await typed(json), '202')
  assert.equal((await receiptOf(world, 'gdpr-2026-000123')).status, 'completed')
  assert.equal(await typed(csv), '202')
  await statusReached(world, 'backlog-7', 'awaiting-approval')
  assert.equal(await typed(look), '200')
  assert.equal(await typed(priority), '200')
  assert.equal((await world.producer.inspect('backlog-7'))?.request.priority, 'low')
  assert.equal(await typed(approve), '200')
  assert.deepEqual(
    (await receiptOf(world, 'backlog-7')).outcome,
    outcome({ deleted: 5, failed: 1 }),
  )
  assert.equal(await typed(file), '200')
  const rows = await readFile(join(world.folder, 'failed.csv'), 'utf8')
  assert.match(rows, new RegExp(`^Id,Code,Message\n${broken},`))
  assert.equal(await typed(list), '200')
  // By now it is over.
  assert.equal(await typed(priority), '409')
  assert.equal(await typed(cancel), '409')
  // No row failed with that code.
  assert.equal(await typed(retry), '409')
})

test('the line of the README, which needs no key', async () => {
  const [call = '', more] = callsOn(await pageOf('README.md'))
  assert.equal(more, undefined)
  // The very request of the other page.
  assert.equal(await typed(call, open.url), '200')
})

test('the lines of the page on deployment', async () => {
  const [submit = '', list = '', more] = callsOn(await pageOf('docs/deployment.md'))
  assert.equal(more, undefined)
  assert.equal(await typed(submit), '202')
  assert.equal(await typed(list), '200')
})

/** Those that other parts have a name for. */
const FURTHER = {
  ...{ ROLE_MISSING: 403, ORG_NOT_ALLOWED: 403, OBJECT_NOT_ALLOWED: 403, TOO_MANY_RECORDS: 403 },
  ...{ OPERATION_NOT_ALLOWED: 403, SOURCE_NOT_ALLOWED: 403, PRIORITY_NOT_ALLOWED: 403 },
  ...{ OWN_REQUEST: 403, ID_TAKEN: 409, PLAN_CHANGED: 409, NOT_AWAITING_APPROVAL: 409 },
  ...{ ALREADY_OVER: 409, ID_GONE: 410, BUDGET_EXCEEDED: 429, OTHER_LEDGER: 503 },
  ...{ PLAN_APPLIED: 409, PLAN_EXPIRED: 409, UNKNOWN_OBJECT: 422 },
  ...{ NOT_RETRYABLE: 409, NOTHING_TO_RETRY: 409 },
  ...{ OBJECT_NOT_DELETABLE: 422, OTHER_PREFIX: 422 },
  ...{ INVALID_REQUEST: 422, REDIS_AWAY: 503, REDIS_LOADING: 503, REDIS_FULL: 503 },
  ...{
    REDIS_READ_ONLY: 503,
    REDIS_NOT_WRITING: 503,
    REDIS_NOT_REPLICATED: 503,
    REDIS_BUSY: 503,
    REDIS_LOGIN: 503,
    REDIS_FORBIDDEN: 503,
    REDIS_DATABASE: 503,
    REDIS_PROTOCOL: 503,
  },
} as const satisfies Record<Denial['code'] | RedisTrouble, number> & Record<string, number>

test('the page has every code of a problem under its status, and no other', async () => {
  const found: Record<string, number> = {}
  let status = 0
  const rows = (await pageOf('docs/http-api.md')).matchAll(/^\|(?: (\d{3}))? \| (`[`A-Z_, ]+) \|/gm)
  for (const [, given, codes = ''] of rows) {
    // A row without a status goes on with the one above.
    status = Number(given ?? status)
    for (const [, code = ''] of codes.matchAll(/`(\w+)`/g)) found[code] = status
  }
  assert.deepEqual(found, { ...STATUS_OF, ...FURTHER })
})
