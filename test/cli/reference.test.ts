import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { manPage } from '../../scripts/reference/man-page.ts'
import { commandLinePage } from '../../scripts/reference/page.ts'
import { completionScript } from '../../src/cli/commands/completion.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { runHere } from './run-here.ts'

/** What is derived from the command table: the page, the man page and the completions. */

const has = (program: string) => spawnSync(program, ['--version']).error === undefined
const without = (program: string) => (has(program) ? false : `no ${program}`)

test('the page of the command line is that of the command table', async () => {
  const page = await readFile(new URL('../../docs/command-line.md', import.meta.url), 'utf8')
  assert.equal(page, commandLinePage(), 'run npm run reference')
})

test('the man page has every command and option, and groff finds no fault in it', {
  skip: without('groff'),
}, () => {
  const groff = ['-man', '-Tutf8', '-ww', '-P-c', '-rLL=78n']
  const { stdout, stderr } = spawnSync('groff', groff, {
    input: manPage('1.2.3'),
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  const text = stdout.replaceAll(/.[\b]/g, '')
  for (const [name, { summary, options }] of Object.entries(COMMANDS)) {
    assert.match(text, new RegExp(`^ +expunge ${name}\\b`, 'm'))
    assert.ok(text.replaceAll(/\s+/g, ' ').includes(summary.slice(1)), summary)
    for (const key of Object.keys(options).filter((one) => !options[one]?.hidden)) {
      assert.ok(
        text.includes(`--${key.replaceAll(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)}`),
        key,
      )
    }
  }
})

/** What bash offers at the end of a line. */
function completedByBash(line: string): readonly string[] {
  const words = line.split(' ').map((word) => `'${word}'`)
  const script = `${completionScript('bash')}
COMP_WORDS=(${words.join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_expunge; printf '%s\\n' "\${COMPREPLY[@]}"`
  const offered = execFileSync('bash', ['--norc', '-uc', script], { encoding: 'utf8' })
  return offered.split('\n').filter((word) => word !== '')
}

test('bash completes commands, flags and their values', { skip: without('bash') }, () => {
  assert.deepEqual(completedByBash('expunge ap'), ['apply', 'approve'])
  assert.deepEqual(completedByBash('expunge run --on-invalid '), ['refuse', 'skip'])
  assert.deepEqual(completedByBash('expunge run --on-i'), ['--on-invalid'])
  assert.deepEqual(completedByBash('expunge run --targ'), ['--target-org'])
  assert.deepEqual(completedByBash('expunge list --status pl'), ['planning', 'planned'])
  assert.deepEqual(completedByBash('expunge completion '), ['bash', 'zsh', 'fish'])
  assert.deepEqual(completedByBash('expunge help doc'), ['doctor'])
  // A path: the shell's own completion of files takes over.
  assert.deepEqual(completedByBash('expunge run --csv '), [])
})

for (const shell of ['zsh', 'fish'] as const) {
  test(`${shell} can read its completion`, { skip: without(shell) }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-completion-'))
    t.after(() => rm(folder, { recursive: true }))
    const path = join(folder, `expunge.${shell}`)
    await writeFile(path, completionScript(shell))
    assert.equal(spawnSync(shell, ['-n', path], { encoding: 'utf8' }).stderr, '')
  })
}

test('each completion has every command and visible flag, and is what the command prints', async () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell)
    const printed = await runHere(['completion', shell])
    assert.deepEqual(printed, { code: 0, stdout: script, stderr: '' })
    // Quotes are balanced: a word that ends none would swallow the rest.
    const quotes = script.replaceAll(String.raw`'\''`, '').match(/'/g) ?? []
    assert.equal(quotes.length % 2, 0)
    for (const [name, { options }] of Object.entries(COMMANDS)) {
      assert.match(script, new RegExp(`\\b${name}\\b`))
      for (const { short, alias } of Object.values(options).filter(({ hidden }) => !hidden)) {
        for (const flag of [short, alias])
          assert.ok(script.includes(flag?.replace(/^-+/, '') ?? ''))
      }
    }
  }
  const { code, stderr } = await runHere(['completion', 'tcsh'])
  assert.deepEqual([code, stderr], [2, 'expunge: expected one of bash, zsh, fish, got tcsh.\n'])
})
