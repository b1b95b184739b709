import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { after, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { invocation } from '../../src/cli/invocation.ts'
import { endsWithin } from '../../src/shared/base/race.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { surroundings } from './run-here.ts'
import { contactIds, type Place, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

/** Moves the cursor up. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as a terminal gets it
const UP = /\u001b\[\d+A/

const submit = ({ expunge }: Place, id: string, at = env) =>
  expunge(['submit', '--object', 'Contact', '--ids', contactIds(5).join(), '--id', id], { env: at })

const OFTEN = ['--watch', '--interval', '0.1']

test('status --watch repaints a terminal until the request has ended', { skip }, async (t) => {
  const here = await place(t)
  const submitted = await submit(here, 'w-1')
  assert.match(submitted.stderr, /^! No worker is running for org "default"\. To start one: /)
  const watching = here.begin(['status', 'w-1', ...OFTEN], { env, onTerminal: true })
  await watching.saw(/queued[\s\S]*No worker is running/)
  const stopWorker = await startWorkerHere(here, env)
  const { code, stdout } = await watching.ended
  await stopWorker()
  assert.equal(code, 0, stdout)
  const paintings = stdout.split(UP).map(stripVTControlCharacters)
  assert.ok(paintings.length > 1, stdout)
  assert.match(paintings[0] ?? '', /Ctrl-C stops watching/)
  assert.match(paintings.at(-1) ?? '', /Status +completed[\s\S]*5 deleted/)
  assert.doesNotMatch(paintings.at(-1) ?? '', /No worker|Ctrl-C/)
})

test('status --watch prints each change into a pipe, and outlasts Redis', { skip }, async (t) => {
  const own = await startRedis(t, { appendOnly: true })
  const at = { REDIS_URL: own.url }
  const here = await place(t)
  await submit(here, 'w-2', at)
  const watching = here.begin(['status', 'w-2', ...OFTEN], { env: at })
  await watching.saw(/queued/)
  await own.kill()
  await watching.saw(/! Redis at .* does not answer: .* refused/)
  await own.restart()
  await watching.saw(/Connected again after/)
  const stopWorker = await startWorkerHere(here, at)
  const { code, stdout, stderr } = await watching.ended
  await stopWorker()
  assert.equal(code, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d UTC {2}w-2 {2}queued\. No worker is running/)
  assert.match(lines.at(-1) ?? '', /w-2 {2}completed$/)
  assert.equal(new Set(lines).size, lines.length)
  assert.equal(stdout.includes('\u001b'), false)
})

test('a watch ends once nobody reads it', { skip }, async (t) => {
  const here = await place(t)
  await submit(here, 'w-4')
  const gone = Object.assign(new Error('the reader is gone'), { code: 'EPIPE' })
  const host = Object.assign(new EventEmitter(), {
    stdin: new PassThrough(),
    stdout: new Writable({ write: (_block, _encoding, done) => done(gone) }),
    stderr: new PassThrough().resume(),
    env: { ...surroundings(), ...here.env, ...env },
    exit: () => assert.fail('it would have ended the process'),
  })
  const ended = invocation(['status', 'w-4', ...OFTEN], host).run()
  assert.ok(await endsWithin(ended, 10_000), 'it still watches')
  assert.equal(await ended, 0)
})

test('list --watch goes on until Ctrl-C', { skip }, async (t) => {
  const here = await place(t)
  await submit(here, 'w-3')
  const watching = here.begin(['list', ...OFTEN, '--json'], { env })
  await watching.saw(/"w-3"/)
  const cancelling = here.begin(['cancel', 'w-3', '--yes'], { env })
  await watching.saw(/"stopping":"cancelled"/)
  for (const command of [cancelling, watching]) {
    command.signal('SIGINT')
    assert.equal((await command.ended).code, 130)
  }
  const { stdout } = await watching.ended
  const pages = stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  assert.equal(pages.length, 2)
  const alone = await here.expunge(['list', '--interval', '1'], { env })
  assert.deepEqual([alone.code, alone.stderr], [2, 'expunge: --interval needs --watch.\n'])
})
