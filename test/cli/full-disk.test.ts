import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Home } from '../../src/cli/embedded-redis/home.ts'
import { invocation } from '../../src/cli/invocation.ts'
import { createScreen, type Host } from '../../src/cli/screen.ts'
import { lacking } from '../helpers/file-system.ts'

function hostWith(stdout: Writable): { readonly host: Host; stderr(): Promise<string> } {
  const stderr = new PassThrough()
  const exit = (code: number): never => assert.fail(`exit ${code}`)
  const streams = { stdin: new PassThrough(), stdout, stderr, env: {} }
  return {
    host: Object.assign(new EventEmitter(), streams, { exit }),
    stderr: () => text(stderr.end()),
  }
}

const failing = (code: string) =>
  new Writable({
    write: (_block, _encoding, done) =>
      done(Object.assign(new Error(`${code}: as told`), { code })),
  })

const KEY = ['key', 'ci', '--roles', 'submit', '--json']

test('an answer that stdout does not take is a failure, and said', async () => {
  const { host, stderr } = hostWith(failing('ENOSPC'))
  assert.equal(await invocation(KEY, host).run(), 4)
  assert.match(await stderr(), /could not write to stdout: ENOSPC/)
})

test('a reader that goes away has had enough', async () => {
  for (const code of ['EPIPE', 'EIO']) {
    const { host, stderr } = hostWith(failing(code))
    assert.equal(await invocation(KEY, host).run(), 0)
    assert.equal(await stderr(), '')
  }
})

test('a file that stdout does not take whole is no defect of ours', async () => {
  const { host } = hostWith(failing('EDQUOT'))
  const screen = createScreen(host)
  await screen.pipe(
    (async function* () {
      yield Buffer.from('Id\n')
    })(),
  )
  assert.match(String(await screen.lostAnswer()), /EDQUOT/)
})

test('state that cannot be kept names its folder', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'expunge-full-'))
  t.after(() => rm(home, { recursive: true }))
  lacking(t, 'writeFile', () => 'ENOSPC')
  await assert.rejects(new Home(home).writeOwner({ pid: 1, role: 'run', socket: 's' }), {
    code: 'EMBEDDED_REDIS_HOME',
    message: new RegExp(`${home}: ENOSPC.*EXPUNGE_HOME`),
  })
})
