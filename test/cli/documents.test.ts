import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import process from 'node:process'
import { test } from 'node:test'
import { createProgram } from '../../src/cli/program.ts'
import { createScreen } from '../../src/cli/screen.ts'

/** Whoever is woken at night copies commands from a page: each has to exist as it stands there. */

const ROOT = new URL('../../', import.meta.url)
const NAMES = (await readdir(new URL('docs', ROOT))).filter((name) => name.endsWith('.md'))
const pages = await Promise.all(
  ['README.md', ...NAMES.map((name) => `docs/${name}`)].map(async (name) => ({
    name,
    text: await readFile(new URL(name, ROOT), 'utf8'),
  })),
)

const cli = { screen: createScreen(process), host: process, version: 'x', argv: [] }

/** All commands, none of which does or says anything. */
function commands() {
  const program = createProgram(cli, { loaded: () => {}, ended: () => {} }).configureOutput({
    writeErr: () => {},
  })
  for (const command of program.commands) {
    command.action(() => {}).configureOutput({ writeErr: () => {} })
  }
  return program
}

const OURS =
  /^(?:\$ )?(?:(?:[A-Z_]+=\S+ )*(?:npx )?expunge|docker compose run --rm cli|docker run --rm expunge:\S+|.*-- node bin\/expunge\.js) (.*)$/

/** What stands behind `expunge`, or what starts it elsewhere, in each line of the blocks of shell. */
function blocksOf(text: string): readonly string[] {
  return [...text.matchAll(/^```(?:sh|shell|bash|console)\n(.*?)^```/gms)]
    .flatMap(([, block = '']) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'))
    .flatMap((line) => OURS.exec(line)?.[1] ?? [])
    .map((rest) => rest.split(/ +#| +[|>]/, 1)[0] ?? '')
}

const wordsOf = (line: string) =>
  (line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll(/^['"]|['"]$/g, ''))

for (const { name, text } of pages) {
  const lines = blocksOf(text)
  if (lines.length === 0) continue
  test(`every command in the blocks of ${name} is one of ours, with flags that it has`, () => {
    for (const line of lines) {
      assert.doesNotThrow(() => commands().parse(wordsOf(line), { from: 'user' }), line)
    }
  })
}

test('every command and flag that a sentence names is one of ours', () => {
  const known = new Map(
    commands().commands.map((command) => [
      command.name(),
      command.options.flatMap(({ short, long }) => [short, long]),
    ]),
  )
  const named = pages.flatMap(({ text }) => [...text.matchAll(/`expunge ([^`\n]+)`/g)])
  assert.ok(named.length > 30)
  for (const [whole, line = ''] of named) {
    const [command = '', ...words] = wordsOf(line)
    if (/^(?:-|<command>|…|help$)/.test(command)) continue
    const flags = known.get(command)
    assert.ok(flags, whole)
    for (const word of words.filter((one) => one.startsWith('--'))) {
      assert.ok(flags.includes(word) || word === '--help', whole)
    }
  }
})

test('every script and test that the page on compatibility names is there', () => {
  const page = pages.find(({ name }) => name === 'docs/compatibility.md')
  const named = [...(page?.text.matchAll(/`((?:test|bench|scripts)\/[\w/.-]*)`/g) ?? [])]
  assert.ok(named.length > 5)
  const missing = named.flatMap(([, path = '']) => (existsSync(new URL(path, ROOT)) ? [] : path))
  assert.deepEqual(missing, [])
})

test('every test that the page on safety names is there', async () => {
  const page = pages.find(({ name }) => name === 'docs/safety.md')
  const named = [...(page?.text.matchAll(/`([\w/-]+\.test\.ts)`/g) ?? [])].map(([, path]) => path)
  assert.ok(named.length > 30)
  const files = await readdir(new URL('test', ROOT), { recursive: true })
  assert.deepEqual(
    named.filter((path) => path === undefined || !files.includes(path)),
    [],
  )
})

test('a command that does not exist is noticed', () => {
  const parse = (line: string) => commands().parse(wordsOf(line), { from: 'user' })
  for (const line of ['drain', 'pause --now', 'status', 'list --status gone']) {
    assert.throws(() => parse(line), line)
  }
  assert.deepEqual(blocksOf('```sh\nX=1 expunge pause   # now\n$ expunge list | head\n```\n'), [
    'pause',
    'list',
  ])
})

for (const { name, text } of pages) {
  test(`the prose of ${name} has lines of at most 120 characters`, () => {
    const prose = text.replaceAll(/^```.*?^```/gms, '').split('\n')
    const mayBeLong = (line: string) => line.startsWith('|') || line.startsWith('![')
    assert.deepEqual(
      prose.filter((line) => line.length > 120 && !mayBeLong(line)),
      [],
    )
  })
}
