import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { COMMANDS, type CommandName } from '../../src/cli/commands.ts'
import { ENVIRONMENT } from '../../src/cli/environment.ts'
import { KNOWN_VARIABLES } from '../../src/shared/config/schema.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { poll } from '../helpers/poll.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { runHere } from './run-here.ts'
import { contactIds, csvOf, type Place, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

const NAMES = Object.keys(COMMANDS).filter((name): name is CommandName => name in COMMANDS)

test('expunge alone prints its help, with every command under a heading', async () => {
  const alone = await runHere([])
  assert.deepEqual(alone, await runHere(['--help']))
  assert.deepEqual([alone.code, alone.stderr], [0, ''])
  for (const name of NAMES) {
    const { group, summary } = COMMANDS[name]
    const listed = new RegExp(`^${group}\n(?:  .*\n)*?  ${name} .*${summary.slice(0, 20)}`, 'm')
    assert.match(alone.stdout, listed)
  }
})

test('the help of a command names its flags, examples, exit codes and environment', async () => {
  for (const name of NAMES) {
    const help = await runHere(['help', name])
    assert.deepEqual(help, await runHere([name, '--help']))
    const { options, examples, exits, environment = [] } = COMMANDS[name]
    const text = help.stdout.replaceAll(/\s+/g, ' ')
    for (const { hidden, short, alias, summary } of Object.values(options)) {
      if (hidden) continue
      for (const part of [short, alias, summary]) assert.ok(text.includes(part ?? ''), part)
    }
    for (const [words, line] of examples) assert.ok(text.includes(`# ${words} expunge ${line}`))
    for (const [code, words] of Object.entries(exits)) assert.ok(text.includes(`${code} ${words}`))
    for (const variable of environment) assert.match(text, new RegExp(`${variable} +\\S`))
  }
})

test('every variable that the help explains is a setting', () => {
  for (const name of Object.keys(ENVIRONMENT)) {
    assert.ok(name === 'NO_COLOR' || KNOWN_VARIABLES.includes(name), name)
  }
})

test('an unknown option is named before a missing one, and the nearest known one with it', async () => {
  for (const [args, expected] of [
    [['run', '--cvs', 'x'], /unknown option '--cvs'\n\(Did you mean --csv\?\)/],
    [['status', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  ] as const) {
    const { code, stderr } = await runHere(args)
    assert.equal(code, 2)
    assert.match(stderr, expected)
    assert.match(stderr, new RegExp(`See \`expunge ${args[0]} --help\``))
  }
})

/** They run until a signal ends them, or start processes; other tests do that. */
const OWN_PROCESS: readonly string[] = ['worker', 'serve', 'sandbox', 'demo']
/** The request that examples are about. */
const REQUEST = 'leads-2026-11'
/** It asks step by step: see login.test.ts. */
const ASKS = 'login --org prod'
const wordsOf = (line: string) =>
  (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))

/** With what a request is submitted, by the status that it then reaches. */
const WAITS_AS = {
  completed: [],
  'awaiting-approval': ['--approval', 'required'],
  planned: ['--dry-run'],
} as const

async function submitted(here: Place, id: string, status: keyof typeof WAITS_AS) {
  const ids = contactIds(9).join()
  const args = ['submit', '--object', 'Contact', '--ids', ids, '--id', id]
  await here.expunge([...args, ...WAITS_AS[status]], { env })
  await poll(async () => {
    const { stdout } = await here.expunge(['status', id, '--json'], { env })
    return JSON.parse(stdout).status === status ? true : null
  })
}

/** A request of which two rows could not be deleted. */
async function failed(here: Place, id: string, from: number) {
  const ids = contactIds(from + 9).slice(from)
  here.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 2) }] })
  const args = ['submit', '--object', 'Contact', '--ids', ids.join(), '--id', id, '--wait']
  await here.expunge(args, { env })
  here.sandbox.setRows({ rules: [] })
}

test('every example of the help runs', { skip }, async (t) => {
  const here = await place(t)
  await writeFile(join(here.folder, 'contacts.csv'), csvOf(contactIds(9)))
  await writeFile(join(here.folder, 'leads.csv'), csvOf([to18('00Q5g00000Demo1')]))
  await writeFile(join(here.folder, 'secret.txt'), here.sandbox.clientSecret)
  const stop = await startWorkerHere(here, env)
  const ofSandbox = (line: string) =>
    line
      .replace('https://acme.my.salesforce.com', here.sandbox.url)
      .replace('3MVG9', here.sandbox.clientId)
  try {
    await submitted(here, 'ended', 'completed')
    for (const name of NAMES.filter((one) => !OWN_PROCESS.includes(one))) {
      for (const [at, [, line]] of COMMANDS[name].examples.entries()) {
        if (line === ASKS) continue
        const waits = name === 'approve' || name === 'cancel' || name === 'priority'
        const isNew =
          waits || name === 'retry' || name === 'apply' || name === 'run' || name === 'submit'
        const id = isNew ? `${name}-${at}` : 'ended'
        if (waits) await submitted(here, id, 'awaiting-approval')
        if (name === 'retry') await failed(here, id, 20 * (at + 1))
        if (name === 'apply') await submitted(here, id, 'planned')
        const args = wordsOf(ofSandbox(line).replaceAll(REQUEST, id).replace(/ >.*/, ''))
        const input = line.includes('--yes') ? '' : 'yes\n'
        const { code, stdout } = await here.expunge(args, { env, input, onTerminal: true })
        assert.equal(code, name === 'cancel' ? 3 : 0, `${line}\n${stdout}`)
      }
    }
  } finally {
    await stop()
  }
})
