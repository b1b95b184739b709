import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { shellQuoted } from '../../src/cli/command-line.ts'
import { poll } from '../helpers/poll.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

/** Terminals that close, and commands that are to outlive them. */

/** util-linux's `script` gives a command a terminal; that of others takes other options. */
const version = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? ''
const noTerminal = version.includes('util-linux') ? false : 'no util-linux script'
const skip = noTerminal || (await redisUnavailable())

const inTerminal = (commands: string) => ['script', '--quiet', '--command', commands, '/dev/null']
const quoted = (command: readonly string[]) => command.map(shellQuoted).join(' ')

/** What a shell does whose terminal closes: it tells its jobs, and here it notes how one ended. */
const underShell = (command: readonly string[]) =>
  inTerminal(
    `trap 'kill -HUP $job; kill -HUP $job' HUP; ${quoted(command)} < /dev/tty & job=$!; ` +
      'wait $job; wait $job; echo $? > code',
  )

/** What stands in the file once it holds a line. */
const written = (folder: string, name: string): Promise<string> =>
  poll(async () => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    return text.endsWith('\n') ? text : null
  })

test('a run whose terminal closes hands over, though it can no longer say so', {
  skip,
}, async (t) => {
  const { folder, sandbox, start, expunge } = await place(t, {
    faults: [{ on: 'job', action: { do: 'hold', afterRows: 40 } }],
  })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(100)))
  const args = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--id', 'x']
  const run = start([...args, '--yes'], { under: underShell })
  await run.meanwhile(sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 40))
  // The terminal is gone with the process that holds its other end.
  run.child.kill('SIGKILL')
  assert.equal(await written(folder, 'code'), '129\n')
  const { status, stopping } = JSON.parse((await expunge(['status', 'x', '--json'])).stdout)
  assert.deepEqual([status, stopping], ['deleting', null])
})

test('a question whose terminal closes is not answered', { skip }, async (t) => {
  const { folder, start, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(3)))
  const run = start(['run', '--object', 'Contact', '--csv', 'ids.csv', '--id', 'x'], {
    under: underShell,
  })
  await run.saw(/Type yes to delete: /)
  run.child.kill('SIGKILL')
  assert.equal(await written(folder, 'code'), '129\n')
  const { status, stopping } = JSON.parse((await expunge(['status', 'x', '--json'])).stdout)
  assert.deepEqual([status, stopping], ['awaiting-approval', null])
})

const LOOK = `import('${new URL('../../src/shared/base/shutdown.ts', import.meta.url)}').then(({ hangUpIsIgnored }) =>
  process.stdout.write(String(hangUpIsIgnored(process))))`
const node = quoted([process.execPath, '--eval', LOOK])

test('whether a hang-up is to be ignored shows', { skip: noTerminal }, async () => {
  for (const [command, isIgnored] of [
    [node, 'false'],
    [`nohup ${node} | cat`, 'true'],
    [`nohup sh -c ${shellQuoted(`${node} < /dev/null; true`)} | cat`, 'true'],
    [`trap '' HUP; ${node}; true`, 'true'],
    [`${node} < /dev/null`, 'false'],
  ] as const) {
    const [script = '', ...args] = inTerminal(command)
    const { stdout } = spawnSync(script, args, { encoding: 'utf8' })
    assert.ok(stdout.endsWith(isIgnored), `${command}: ${stdout}`)
  }
})

test('under nohup a command outlives its terminal', { skip: noTerminal }, async (t) => {
  const { start, folder } = await place(t)
  const under = (command: readonly string[]) =>
    inTerminal(`nohup ${quoted(command)} < /dev/tty > out & echo $! > pid; wait`)
  const { child, ended } = start(['sandbox', '--port', '0', '--json'], { under })
  const pid = Number(await written(folder, 'pid'))
  t.after(() => process.kill(pid, 'SIGTERM'))
  const { url } = JSON.parse(await written(folder, 'out'))
  process.kill(pid, 'SIGHUP')
  child.kill('SIGKILL')
  await ended
  const { ok } = await fetch(`${url}/__sandbox/stats`)
  assert.ok(ok)
})
