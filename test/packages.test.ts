import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { suite, test } from 'node:test'
import { z } from 'zod'
import { readSources } from '../scripts/house.ts'

const ROOT = join(import.meta.dirname, '..')
const names = z.record(z.string(), z.string())
const manifestSchema = z.object({
  version: z.string(),
  files: z.array(z.string()),
  dependencies: names,
  optionalDependencies: names.optional(),
  peerDependencies: names.optional(),
})
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifest = (path: string) => manifestSchema.parse(JSON.parse(read(path)))
const library = manifest('package.json')
const tool = manifest('packages/expunge-cli/package.json')
const files = await readSources()

/** What is loaded with a file: its own imports, and theirs, by path. Types are gone by then. */
function loadedWith(entry: string): { paths: Set<string>; packages: Set<string> } {
  const [paths, packages, open] = [new Set<string>(), new Set<string>(), [entry]]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (paths.has(path)) continue
    paths.add(path)
    const file = files.find((one) => one.path === path)
    assert.ok(file, path)
    for (const { to, isLibrary, typeOnly } of file.imports) {
      if (isLibrary && !typeOnly) packages.add(to)
      if (!isLibrary && !typeOnly) open.push(to)
    }
  }
  return { paths, packages }
}

suite('the packages', () => {
  test('the library loads its dependencies, all of them, and nothing else', () => {
    const { packages } = loadedWith('producer/producer.ts')
    assert.deepEqual([...packages].sort(), Object.keys(library.dependencies).sort())
  })

  test('the sandbox loads those, and the peer that its page names', () => {
    const known = [library.dependencies, library.peerDependencies ?? {}].flatMap(Object.keys)
    const { packages } = loadedWith('sandbox/sandbox.ts')
    assert.deepEqual(
      [...packages].filter((name) => !known.includes(name)),
      [],
    )
  })

  test('the library ships every file that it loads', () => {
    const isShipped = (path: string) =>
      library.files.some((pattern) => {
        const folder = `dist/${dirname(path)}`
        return pattern === `${folder}/*.js` || `${folder}/`.startsWith(`${pattern}/`)
      })
    for (const entry of ['producer/producer.ts', 'sandbox/sandbox.ts']) {
      const { paths } = loadedWith(entry)
      assert.deepEqual(
        [...paths].filter((path) => !isShipped(path)),
        [],
      )
    }
  })

  test('the command line depends on every package that src/ imports, as the library does', () => {
    const imported = files.flatMap(({ imports }) =>
      imports.filter(({ isLibrary }) => isLibrary).map(({ to }) => to),
    )
    const declared = { ...tool.dependencies, ...tool.optionalDependencies }
    assert.deepEqual(Object.keys(declared).sort(), [...new Set(imported)].sort())
    const shared = { ...library.dependencies, ...library.peerDependencies }
    for (const [name, range] of Object.entries(shared)) {
      assert.equal(tool.dependencies[name], range, name)
    }
    assert.equal(tool.version, library.version)
  })

  test('load a package that may be missing on use alone', () => {
    const mayBeMissing = Object.keys(tool.optionalDependencies ?? {})
    assert.ok(mayBeMissing.length > 0)
    const atOnce = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ to, typeOnly, onUse }) => mayBeMissing.includes(to) && !typeOnly && !onUse)
        .map(({ to }) => `${path} imports ${to}`),
    )
    assert.deepEqual(atOnce, [])
  })

  test('ship every page that a page of theirs links to', () => {
    const shipped = ['README.md', 'LICENSE', 'package.json', ...library.files]
    const pages = shipped.flatMap((name) => globSync([name, `${name}/**`], { cwd: ROOT }))
    const dangling = pages
      .filter((page) => page.endsWith('.md'))
      .flatMap((page) =>
        [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
          ([, target = '']) => `${page} links to ${normalize(join(dirname(page), target))}`,
        ),
      )
      .filter((link) => !pages.includes(link.split(' links to ')[1] ?? ''))
    assert.deepEqual(dangling, [])
  })
})
