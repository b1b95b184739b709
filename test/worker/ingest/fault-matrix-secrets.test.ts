import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { z } from 'zod'
import type { RefereeStats } from '../../../src/sandbox/sandbox.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import type { Credentials } from '../../../src/shared/salesforce/credentials.ts'
import type { RunningWorker } from '../../../src/worker/worker.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld, type World } from '../../helpers/world.ts'
import { assertNothingLeft, timesTaken } from './fault-cases.ts'

/** A secret is rotated under a running worker: requests wait until it is known here, and go on. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const NEW_SECRET = 'hunter3-the-new'
const old = generateKeyPairSync('rsa', { modulusLength: 2048 })
const fresh = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** A way to log in, and how its secret is replaced: in the org, and in what the worker reads. */
interface Way {
  readonly title: string
  credentials(world: World, file: string): Promise<Credentials>
  /** From now on the org takes only the new secret. */
  rotate(world: World): void
  /** Which the worker's file says from here on. */
  content(world: World): Promise<string>
}

const WAYS: readonly Way[] = [
  {
    title: 'client secret',
    credentials: async ({ sandbox }, path) => ({
      kind: 'client-credentials',
      loginUrl: sandbox.url,
      clientId: sandbox.clientId,
      clientSecret: await written(path, sandbox.clientSecret),
      secretFile: { path, setting: 'SALESFORCE_CLIENT_SECRET_FILE' },
    }),
    rotate: ({ sandbox }) => sandbox.setCredentials({ clientSecret: NEW_SECRET }),
    content: async () => NEW_SECRET,
  },
  {
    title: 'JWT key',
    credentials: async ({ sandbox }, path) => ({
      kind: 'jwt',
      loginUrl: sandbox.url,
      clientId: sandbox.clientId,
      username: 'expunge@acme.example',
      privateKey: await written(path, pemOf(old)),
      audience: 'https://login.salesforce.com',
      secretFile: { path, setting: 'SALESFORCE_JWT_KEY_FILE' },
    }),
    rotate: ({ sandbox }) => sandbox.setCredentials({ jwtPublicKey: fresh.publicKey }),
    content: async () => pemOf(fresh),
  },
  {
    title: 'access token',
    credentials: async (world, path) => ({
      kind: 'token',
      instanceUrl: world.sandbox.url,
      accessToken: await written(path, await tokenOf(world)),
      secretFile: { path, setting: 'SALESFORCE_ACCESS_TOKEN_FILE' },
    }),
    rotate: () => {},
    content: tokenOf,
  },
]

for (const { title, credentials, rotate, content } of WAYS) {
  test(`a rotated ${title} is taken up from its file, and costs the request only time`, async () => {
    const { world, file, said } = await prepare()
    await startWith(world, await credentials(world, file))
    rotate(world)
    world.sandbox.expireTokens()
    const request = await submitIds(world, ids18(20))
    await refused(world, 2)
    // Whoever replaces a file may take it away first.
    await rm(file)
    await refused(world, 2)
    const next = await content(world)
    await writeFile(`${file}.new`, `${next}\n`)
    await rename(`${file}.new`, file)

    await assertUntouched(world, request, 20)
    assert.match(said(), /Write the new secret to the file of SALESFORCE_\w+_FILE/)
    assert.match(said(), /cannot be read \(ENOENT\); the last secret known was used/)
    assertNoneOf(said(), [next, pemOf(old).slice(60, 100), 'sandbox-secret'])
  })
}

test('a worker that starts with a secret of the past waits for the new one', async () => {
  const { world, file } = await prepare()
  const [way] = WAYS
  assert.ok(way)
  const credentials = await way.credentials(world, file)
  way.rotate(world)
  const started = startWith(world, credentials)
  await refused(world, 2)
  await writeFile(file, await way.content(world))
  await started
  await assertUntouched(world, await submitIds(world, ids18(20)), 20)
})

test('a secret in a variable is refused with a word on what to do, and the next start heals it', async () => {
  const { world, said } = await prepare()
  const { url: loginUrl, clientId, clientSecret } = world.sandbox
  const credentials = { kind: 'client-credentials', loginUrl, clientId } as const
  const worker = await startWith(world, { ...credentials, clientSecret })
  world.sandbox.setCredentials({ clientSecret: NEW_SECRET })
  world.sandbox.expireTokens()
  const request = await submitIds(world, ids18(20))
  await refused(world, 3)
  assert.match(said(), /set SALESFORCE_CLIENT_SECRET and start again/)
  await worker.stop()
  await startWith(world, { ...credentials, clientSecret: NEW_SECRET })

  const receipt = await receiptOf(world, request)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 20 }))
  assert.deepEqual(
    receipt.ingestJobs.map(({ attempt }) => attempt),
    [1],
  )
  assertNoneOf(said(), [NEW_SECRET, 'sandbox-secret'])
})

async function prepare() {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line) }
  const log = createLogger({ level: 'trace', destination })
  const clock = leapingClock()
  const sandbox = { jwtPublicKey: old.publicKey, queueDelayMs: 0, now: clock.now }
  const world = await startWorld(scope, { redis, sandbox, clock, log })
  return { world, file: join(world.folder, 'secret'), said: () => lines.join('') }
}

function startWith(world: World, credentials: Credentials): Promise<RunningWorker> {
  const org = world.config.orgs.get(world.org)
  assert.ok(org)
  return world.startWorker({ orgs: new Map([[world.org, { ...org, credentials }]]) })
}

/** Resolves after so many more calls that a login or a token was refused. */
async function refused({ sandbox: { referee } }: World, more: number): Promise<void> {
  const count = ({ calls }: RefereeStats) =>
    (calls['token']?.answered[400] ?? 0) + (calls['create']?.answered[401] ?? 0)
  const before = count(referee.stats())
  await referee.until((stats) => count(stats) >= before + more)
}

/** All deleted by one ingest job at its first attempt, which BullMQ handed out once. */
async function assertUntouched(world: World, request: string, ids: number): Promise<void> {
  const receipt = await receiptOf(world, request)
  assert.equal(receipt.status, 'completed')
  assert.deepEqual(receipt.outcome, outcome({ deleted: ids }))
  assert.deepEqual(
    receipt.ingestJobs.map(({ state, attempt }) => [state, attempt]),
    [['JobComplete', 1]],
  )
  assert.deepEqual(await timesTaken(world), [1])
  const { jobs, rowsDeleted, violationCounts } = world.sandbox.referee.stats()
  assert.equal(rowsDeleted, ids)
  assert.deepEqual(violationCounts, {})
  assertNothingLeft(jobs)
}

function assertNoneOf(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) assert.ok(!text.includes(secret))
}

async function written(path: string, secret: string): Promise<string> {
  await writeFile(path, `${secret}\n`)
  return secret
}

function pemOf({ privateKey }: { readonly privateKey: KeyObject }): string {
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' })).trimEnd()
}

async function tokenOf({ sandbox }: World): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
  })
  const answer = await fetch(`${sandbox.url}/services/oauth2/token`, { method: 'POST', body })
  return z.object({ access_token: z.string() }).parse(await answer.json()).access_token
}
