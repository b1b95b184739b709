import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { attachEmbeddedRedis } from '../../src/cli/embedded-redis/embedded-redis.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

const PRODUCTION = '00D5f0000000002EAA'

test('a sandbox first and production next have a ledger each, under one name on one machine', {
  skip,
}, async (t) => {
  const { expunge, env } = await place(t, { isSandbox: true })
  const production = await startSandbox({ orgId: PRODUCTION })
  t.after(() => production.close())
  const there = { SALESFORCE_LOGIN_URL: production.url }
  const run = (id: string, login: Readonly<Record<string, string>> = {}, ...more: string[]) =>
    expunge(['run', '--object', 'Contact', '--ids', contactIds(2).join(), '--id', id, ...more], {
      env: login,
    })
  const tried = await run('tried', {}, '--yes')
  assert.equal(tried.code, 0, tried.stderr)
  const meant = await run('meant', there, '--yes')
  assert.equal(meant.code, 0, meant.stderr)
  assert.match(meant.stderr, /Requests of this org are kept as org "00D5f0000000002EAA"/)
  const results = env['EXPUNGE_RESULTS'] ?? ''
  assert.ok(existsSync(join(results, 'default', 'tried', 'receipt.json')))
  assert.ok(existsSync(join(results, PRODUCTION, 'meant', 'receipt.json')))

  // Else each command that looks starts the server of this home, and ends it.
  const options = { home: env['EXPUNGE_HOME'] ?? '', env: process.env, log: () => {}, stays: true }
  const host = await attachEmbeddedRedis(options)
  t.after(() => host?.stop())

  await t.test('a request is found wherever it is', async () => {
    for (const [id, org] of [
      ['tried', 'default'],
      ['meant', PRODUCTION],
    ] as const) {
      const { code, stdout, stderr } = await expunge(['status', id, '--json'])
      assert.equal(code, 0, stderr)
      assert.equal(JSON.parse(stdout).org, org)
    }
    assert.equal((await expunge(['results', 'tried'])).code, 0)
    assert.equal((await expunge(['cancel', 'tried', '--yes'])).code, 0)
  })

  await t.test('list shows both, or the org that is named by any of its names', async () => {
    const idsOf = async (...args: string[]) =>
      JSON.parse((await expunge(['list', '--json', ...args])).stdout).map(
        ({ id }: { id: string }) => id,
      )
    assert.deepEqual(await idsOf(), ['meant', 'tried'])
    assert.deepEqual(await idsOf('--org', PRODUCTION.slice(0, 15)), ['meant'])
    // The name means the org that it meant last.
    assert.deepEqual(await idsOf('--org', 'default'), ['meant'])
    assert.match(
      (await expunge(['list'])).stdout,
      /Org 00D5f0000000002EAA\n.*\n.*meant.*\n\nOrg default\n/,
    )
    const tried = ['--org', '00D5f0000000001EAA']
    const paused = await expunge(['pause', ...tried])
    assert.match(paused.stderr, /To resume:\n {2}expunge resume --org 00D5f0000000001EAA\n/)
    assert.match(
      (await expunge(['list'])).stderr,
      /Org "default" is paused by an operator.*To resume: expunge resume --org 00D5f0000000001EAA/,
    )
    assert.equal((await expunge(['resume', ...tried])).code, 0)
  })

  await t.test('doctor accepts the other org, too', async () => {
    const { code, stdout } = await expunge(['doctor'], { env: there })
    assert.equal(code, 0, stdout)
  })

  await host?.stop()
  await t.test('each org goes on in its own ledger, and an id in both is asked about', async () => {
    const again = await run('tried', {}, '--yes')
    assert.match(again.stderr, /Request tried already ended/)
    const same = await run('tried', there, '--dry-run')
    assert.equal(same.code, 0, same.stderr)
    const { code, stderr } = await expunge(['status', 'tried'])
    assert.equal(code, 2)
    assert.match(stderr, /in several orgs: 00D5f0000000002EAA .*, default \(00D5f0000000001EAA\)/)
    const named = await expunge(['status', 'tried', '--org', PRODUCTION, '--json'])
    assert.equal(JSON.parse(named.stdout).status, 'planned')
  })

  await t.test(
    'a plan is applied by the command that was printed, and in no other org',
    async () => {
      const planned = await run('plan', there, '--dry-run')
      const [, printed = ''] = /expunge (apply plan --org \S+)/.exec(planned.stdout) ?? []
      assert.notEqual(printed, '', planned.stdout)
      const apply = [...printed.split(' '), '--yes']
      await run('plan', {}, '--dry-run')
      const elsewhere = await expunge(apply)
      assert.equal(elsewhere.code, 2)
      assert.match(
        elsewhere.stderr,
        /Expected to log in to org 00D5f0000000002EAA, got org 00D5f0000000001EAA/,
      )
      const applied = await expunge(apply, { env: there })
      assert.equal(applied.code, 0, applied.stderr)
    },
  )

  await t.test('a run that waits in one org is cancelled with the login of that org', async () => {
    production.faults.add({ on: 'job', action: { do: 'hold' } })
    const held = run('held', there, '--yes', '--json')
    await production.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    const cancelled = await expunge(['cancel', 'held', '--yes'], { env: there })
    assert.equal(cancelled.code, 3, cancelled.stderr)
    assert.equal((await held).code, 3)
  })
})
