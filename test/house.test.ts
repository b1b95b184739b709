import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  circles,
  type Import,
  isIn,
  librariesOf,
  parseSource,
  readRules,
  readSources,
  roomOf,
} from '../scripts/house.ts'

const files = await readSources()
const { rules, homes } = await readRules()

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const here = roomOf(from, rules)
  if (here === undefined || here.room === roomOf(to, rules)?.room) return true
  const { mayImport, mayImportTypesOf } = here.rule
  return [...mayImport, ...(typeOnly ? mayImportTypesOf : [])].some((room) => isIn(to, room))
}

const isAtHome = ({ from, to }: Import): boolean =>
  homes.some(({ library, rooms }) => library === to && rooms.some((room) => isIn(from, room)))

const shown = ({ from, to, typeOnly }: Import): string =>
  `${from} imports ${typeOnly ? 'types of ' : ''}${to}`

suite('the rooms of the source tree', () => {
  test('hold every file', () => {
    const homeless = files.map(({ path }) => path).filter((path) => !roomOf(path, rules))
    assert.deepEqual(homeless, [])
  })

  test('import only what the table allows', () => {
    const own = files.flatMap(({ imports }) => imports.filter(({ isLibrary }) => !isLibrary))
    assert.deepEqual(own.filter((one) => !isAllowed(one)).map(shown), [])
  })

  test('have each library only where it lives', () => {
    const libraries = files.flatMap(({ imports }) => imports.filter(({ isLibrary }) => isLibrary))
    assert.deepEqual(libraries.filter((one) => !isAtHome(one)).map(shown), [])
  })

  test('and the libraries of the tables are all there', () => {
    const rooms = [
      ...rules.flatMap((rule) => [...rule.rooms, ...rule.mayImport, ...rule.mayImportTypesOf]),
      ...homes.flatMap((home) => home.rooms),
    ]
    const libraries = homes.map(({ library }) => library)
    assert.deepEqual(
      rooms.filter((room) => !files.some(({ path }) => isIn(path, room))),
      [],
    )
    assert.deepEqual(
      libraries.filter((name) => !files.some(({ imports }) => imports.some((i) => i.to === name))),
      [],
    )
  })

  test('have no circles, types included', () => {
    assert.deepEqual(circles(files), [])
  })

  test('load for help and completion nothing but what prints them', () => {
    const starts = ['cli/main.ts', 'cli/invocation.ts', 'cli/commands/completion.ts']
    assert.deepEqual(librariesOf(files, starts), ['commander', 'string-width'])
  })

  test('load for status and list no queue, logger or HTTP client', () => {
    const starts = ['cli/main.ts', 'cli/commands/status.ts', 'cli/commands/list.ts']
    assert.deepEqual(librariesOf(files, starts), [
      ...['cli-table3', 'commander', 'ioredis', 'ipaddr.js', 'string-width', 'zod'],
    ])
  })

  test('load for doctor no queue', () => {
    const libraries = librariesOf(files, ['cli/main.ts', 'cli/doctor/doctor.ts'])
    assert.ok(libraries.includes('ioredis') && !libraries.includes('bullmq'))
  })

  test('export no two types of one name, the sandbox apart', () => {
    const types = files
      .filter(({ path }) => !isIn(path, 'sandbox'))
      .flatMap(({ path, exports }) => exports.map((one) => ({ ...one, path })))
      .filter(({ kind }) => kind === 'type')
    const byName = Map.groupBy(types, ({ name }) => name)
    assert.deepEqual([...byName.values()].filter((all) => all.length > 1).flat(), [])
  })
})

suite('reading a source file', () => {
  test('tells types from values and libraries from files', () => {
    const { imports, exports } = parseSource(
      'worker/plan/a.ts',
      [
        "import { z } from 'zod'",
        "import type { B } from './b.ts'",
        "import { type C, type D } from '../c.ts'",
        "import {\n  type E,\n  e,\n} from './e.ts'",
        "import x, { type Y } from '@scope/name/deep'",
        "import { join } from 'node:path'",
        "export { f } from './f.ts'",
        "const g = () => import('./g.ts')",
        'export interface H {}',
        'export async function* i() {}',
      ].join('\n'),
    )
    assert.deepEqual(
      imports.map(({ to, typeOnly, isLibrary }) => [to, typeOnly, isLibrary]),
      [
        ['zod', false, true],
        ['worker/plan/b.ts', true, false],
        ['worker/c.ts', true, false],
        ['worker/plan/e.ts', false, false],
        ['@scope/name', false, true],
        ['worker/plan/f.ts', false, false],
        ['worker/plan/g.ts', false, false],
      ],
    )
    assert.deepEqual(exports, [
      { name: 'H', kind: 'type' },
      { name: 'i', kind: 'value' },
    ])
  })

  test('finds a circle of types', () => {
    const a = parseSource('a.ts', "import type { B } from './b.ts'")
    const b = parseSource('b.ts', "import { c } from './c.ts'")
    const c = parseSource('c.ts', "import type { A } from './a.ts'")
    assert.deepEqual(circles([a, b, c]), [['a.ts', 'b.ts', 'c.ts']])
    assert.deepEqual(circles([a, b]), [])
  })
})
