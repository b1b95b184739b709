import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { runHere } from './run-here.ts'
import { startExpunge } from './spawn.ts'

const skip = await redisUnavailable()

test('the sandbox prints how to log in, and SIGTERM ends it', async (t) => {
  const flags = ['--port', '0', '--fail', '0.5', '--strict-fields']
  const running = startExpunge(['sandbox', ...flags], {}, tmpdir())
  t.after(() => running.child.kill('SIGKILL'))
  let told = ''
  running.child.stderr?.on('data', (block) => {
    told += block
  })
  await running.saw(/Press Ctrl-C to stop it/)
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(told)?.[0]
  const settings = await fetch(`${url}/__sandbox/settings`, { method: 'PATCH', body: '{}' })
  assert.match(await settings.text(), /"strictFields":true/)
  running.child.kill('SIGTERM')
  const { code, stdout, stderr } = await running.ended
  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /^export SALESFORCE_LOGIN_URL=http:\/\/127\.0\.0\.1:\d+\nexport SALESFORCE_CLIENT_ID=\S+\nexport SALESFORCE_CLIENT_SECRET=\S+\n$/,
  )
})

test('a port that is taken is said as such, and so is what is no port', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  assert.ok(typeof address === 'object' && address !== null)
  const run = (port: string) => runHere(['sandbox', '--port', port])
  const busy = await run(String(address.port))
  assert.deepEqual([busy.code, busy.stdout], [2, ''])
  assert.match(busy.stderr, /^expunge: .*EADDRINUSE.* Choose another --port/)
  const wrong = await run('x')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /Expected a port from 0 to 65535/)
})

test('the demo goes all the way and agrees with the sandbox', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-cli-demo-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { code, stdout, stderr } = await startExpunge(
    ['demo', '--rows', '50000', '--rows-per-second', '1000000'],
    { env: { TMPDIR: folder } },
    folder,
  ).ended
  assert.equal(code, 0, stdout + stderr)
  assert.match(stderr, /^\$ expunge run --object Contact --csv .*contacts\.csv --on-invalid skip/m)
  assert.match(stdout, /Invalid +2 {2}listed in invalid\.csv/)
  assert.match(stdout, /Peak memory +\d+ MiB/)
  assert.match(
    stderr,
    /✓ The counts of the sandbox match the receipt: [\d,]+ records deleted, .* none deleted twice/,
  )
})
