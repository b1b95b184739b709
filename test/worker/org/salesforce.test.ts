import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import type { Identity } from '../../../src/shared/salesforce/client.ts'
import { errorFromAnswer, errorFromNetwork } from '../../../src/shared/salesforce/fault.ts'
import { login } from '../../../src/worker/org/salesforce.ts'

const IDENTITY: Identity = {
  ...{ orgId: '00D5f000004XZjpEAG', instanceUrl: 'https://acme.my.salesforce.com' },
  ...{ username: null, isSandbox: null, name: null },
}

/** A login that fails with each of these in turn, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const slept: number[] = []
  const left = [...errors]
  const clock = {
    now: () => 0,
    sleep: async (ms: number) => void slept.push(ms),
  }
  const salesforce = {
    login: async () => {
      const error = left.shift()
      if (error !== undefined) throw error
      return IDENTITY
    },
  }
  const signal = new AbortController().signal
  return { slept, done: login(salesforce, { clock, log: pino({ level: 'silent' }), signal }) }
}

const tunnel = (status: number) =>
  errorFromNetwork('token', 'acme.my.salesforce.com', {
    code: 'ERR_PROXY_TUNNEL',
    text: `Failed to establish tunnel to acme.my.salesforce.com:443 via http://proxy:3128/: HTTP/1.1 ${status} No`,
    status: null,
  })

test('a worker waits for its first login as long as the server asks', async () => {
  const error = errorFromAnswer({
    ...{ operation: 'token', status: 503, text: '', redirectHost: null, secrets: [] },
    retryAfterMs: 3_600_000,
  })
  const { slept, done } = failing(error, tunnel(502))
  assert.equal(await done, IDENTITY)
  assert.equal(slept[0], 3_600_000)
  assert.ok((slept[1] ?? 0) < 10_000)
})

test('a worker whose proxy lets nobody through ends with the setting that is wrong', async () => {
  const { slept, done } = failing(tunnel(407))
  await assert.rejects(
    done,
    (error) =>
      error instanceof ConfigError &&
      /^HTTPS_PROXY: The proxy proxy:3128 refused .* with 407\./.test(error.message),
  )
  assert.deepEqual(slept, [])
})
