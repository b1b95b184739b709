import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import {
  commandFor,
  commandToContinue,
  programIn,
  shellQuoted,
} from '../../src/cli/command-line.ts'
import { codePoint } from '../helpers/code-point.ts'
import { fc } from '../helpers/fast-check.ts'

test('a shell takes a quoted argument back as it was', {
  skip: process.platform === 'win32',
}, () => {
  const words = fc
    .string({ unit: codePoint, maxLength: 20 })
    .filter((text) => !/[\0\r\n]/.test(text))
  const batch = fc.sample(
    words.filter((text) => text.isWellFormed()),
    200,
  )
  const script = `printf '%s\\n' ${batch.map(shellQuoted).join(' ')}`
  const echoed = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
  assert.deepEqual(echoed.split('\n').slice(0, -1), batch)
})

test('the command to go on is the one that was typed, with the id of the request and where its results are', () => {
  const typed = ['run', '--object', 'Contact', '--csv', "Bob's ids.csv"]
  assert.equal(
    commandToContinue(typed, 'x-1', '/r'),
    "expunge run --object Contact --csv 'Bob'\\''s ids.csv' --results /r --id x-1",
  )
  for (const before of [
    ['--id', 'old', '--yes'],
    ['--id=old', '--yes', '--results', 'r'],
    ['--results=r', '--yes'],
  ]) {
    const next = commandToContinue(['run', ...before], 'x-1', '/my r')
    assert.equal(next, "expunge run --yes --results '/my r' --id x-1")
  }
})

test('a command to type next names only what is not understood anyway', () => {
  assert.equal(commandFor('resume', { org: 'default' }), 'expunge resume')
  assert.equal(
    commandFor('cancel x-1', { org: 'emea', results: 'my results' }),
    "expunge cancel x-1 --org emea --results 'my results'",
  )
})

test('a command to type next begins as this one did', () => {
  const byNpx = { npm_command: 'exec', npm_lifecycle_event: 'npx' }
  for (const script of ["'expunge'", '"expunge"', 'expunge', 'expunge "run"']) {
    assert.equal(programIn({ ...byNpx, npm_lifecycle_script: script }), 'npx expunge')
  }
  const fetched = '/home/me/.npm/_npx/0a1b/node_modules/expunge-cli/dist/cli/command-line.js'
  const env = { ...byNpx, npm_lifecycle_script: 'expunge demo' }
  assert.equal(programIn(env, fetched), 'npx expunge-cli')
  assert.equal(programIn({ ...byNpx, npm_lifecycle_script: 'node' }), 'expunge')
  assert.equal(programIn({ npm_command: 'test', npm_lifecycle_event: 'test' }), 'expunge')
  assert.equal(programIn({}), 'expunge')
})
