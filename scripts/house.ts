import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'

/**
 * The source tree as a graph: which file imports which, types included, and the rules for it that
 * docs/architecture.md states. `test/house.test.ts` holds the one against the other;
 * `node scripts/house.ts` prints figures.
 *
 * Imports are found by the form that the formatter gives them.
 */

const ROOT = join(import.meta.dirname, '..')

export interface Import {
  /** Path below `src/`. */
  readonly from: string
  /** Path below `src/`, or the name of a package. */
  readonly to: string
  readonly isLibrary: boolean
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean
  /** Loaded by `import()`, when it is needed. */
  readonly onUse: boolean
}

export interface SourceFile {
  /** Path below `src/`. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly exports: readonly Export[]
}

export interface Export {
  readonly name: string
  readonly kind: 'type' | 'value'
}

/** A row of the table of rooms. */
export interface Rule {
  readonly rooms: readonly string[]
  readonly mayImport: readonly string[]
  readonly mayImportTypesOf: readonly string[]
}

/** A row of the table of libraries. */
export interface Home {
  readonly library: string
  readonly rooms: readonly string[]
}

const STATEMENT =
  /^(?:import|export) (type )?(\*(?: as \w+)?|\w+|(?:\w+, )?\{[^}]*\})? ?(?:from )?'([^']+)'/gm
const ON_USE = /import\('([^']+)'\)/g
const EXPORT =
  /^export (?:declare |abstract |async )*(interface|type|class|function|const|let)\*? (\w+)/gm
const ONLY_TYPES = /^\{\s*(?:type \w[^,]*,?\s*)+\}$/

export async function readSources(): Promise<readonly SourceFile[]> {
  const paths = await readdir(join(ROOT, 'src'), { recursive: true })
  const sources = paths.filter((path) => path.endsWith('.ts')).sort()
  return Promise.all(
    sources.map(async (path) => parseSource(path, await readFile(join(ROOT, 'src', path), 'utf8'))),
  )
}

export function parseSource(path: string, text: string): SourceFile {
  const statements = [...text.matchAll(STATEMENT)].map(([, type, names = '', to = '']) =>
    importOf(path, to, { typeOnly: type !== undefined || ONLY_TYPES.test(names) }),
  )
  const onUse = [...text.matchAll(ON_USE)].map(([, to = '']) => importOf(path, to, { onUse: true }))
  return {
    path,
    lines: text.split('\n').length - 1,
    imports: [...statements, ...onUse].filter(({ to }) => !to.startsWith('node:')),
    exports: exportsIn(text),
  }
}

/** An overloaded function is one export. */
function exportsIn(text: string): readonly Export[] {
  const found = [...text.matchAll(EXPORT)].map(([, what = '', name = '']): [string, Export] => {
    const kind = what === 'interface' || what === 'type' ? 'type' : 'value'
    return [`${kind} ${name}`, { name, kind }]
  })
  return [...new Map(found).values()]
}

function importOf(
  from: string,
  to: string,
  { typeOnly = false, onUse = false }: Partial<Import>,
): Import {
  const when = { typeOnly, onUse }
  return to.startsWith('.')
    ? { from, to: posix.join(dirname(from), to), isLibrary: false, ...when }
    : { from, to: packageOf(to), isLibrary: true, ...when }
}

/** `@scope/name` of `@scope/name/deep`: what package.json calls it. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** The tables of docs/architecture.md. */
export async function readRules(): Promise<{
  readonly rules: readonly Rule[]
  readonly homes: readonly Home[]
}> {
  const page = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8')
  return {
    rules: rowsUnder(page, '## What may import what').map(([rooms = '', may = '']) => {
      const [values = '', types = ''] = may.split('types of')
      return { rooms: named(rooms), mayImport: named(values), mayImportTypesOf: named(types) }
    }),
    homes: rowsUnder(page, '## Where each library lives').flatMap(([libraries = '', rooms = '']) =>
      named(libraries).map((library) => ({ library, rooms: named(rooms) })),
    ),
  }
}

function rowsUnder(page: string, heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n${heading}\n`)
  const [own = ''] = section.split('\n## ')
  const rows = own.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) => row.split('|').slice(1, -1))
}

const named = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

/** `shared` holds `shared/base/errors.ts`. A file is a room of its own where the table names it. */
export const isIn = (path: string, room: string): boolean =>
  path === room || path.startsWith(`${room}/`)

/** The room of a file, and the rule for it: of those that fit, the one with the longest name. */
export function roomOf(
  path: string,
  rules: readonly Rule[],
): { readonly room: string; readonly rule: Rule } | undefined {
  const fitting = rules.flatMap((rule) =>
    rule.rooms.filter((room) => isIn(path, room)).map((room) => ({ room, rule })),
  )
  return fitting.sort((a, b) => b.room.length - a.room.length)[0]
}

/** Groups of files that import one another, types included. */
export function circles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const next = new Map(
    files.map(({ path, imports }) => [path, imports.filter((i) => !i.isLibrary).map((i) => i.to)]),
  )
  const reached = new Map(files.map(({ path }) => [path, reachable([path], next)]))
  const found = new Map<string, readonly string[]>()
  for (const [path, ahead] of reached) {
    if (!ahead.has(path)) continue
    const circle = [...ahead].filter((other) => reached.get(other)?.has(path)).sort()
    found.set(circle.join(), circle)
  }
  return [...found.values()]
}

/** The libraries that loading these files loads. */
export function librariesOf(
  files: readonly SourceFile[],
  starts: readonly string[],
): readonly string[] {
  const loaded = new Map(
    files.map(({ path, imports }) => [path, imports.filter((i) => !i.typeOnly && !i.onUse)]),
  )
  const next = new Map(
    [...loaded].map(([path, imports]) => [path, imports.map(({ to }) => to)] as const),
  )
  const all = [...starts, ...reachable(starts, next)].flatMap((path) => loaded.get(path) ?? [])
  return [...new Set(all.filter(({ isLibrary }) => isLibrary).map(({ to }) => to))].sort()
}

function reachable(
  starts: readonly string[],
  next: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const seen = new Set<string>()
  const open = starts.flatMap((start) => next.get(start) ?? [])
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    open.push(...(next.get(path) ?? []))
  }
  return seen
}

async function print(): Promise<void> {
  const files = await readSources()
  const sum = (of: (file: SourceFile) => number) => files.reduce((all, file) => all + of(file), 0)
  const lines = sum((file) => file.lines)
  const own = sum(({ imports }) => imports.filter(({ isLibrary }) => !isLibrary).length)
  console.log(`${files.length} files, ${lines} lines`)
  console.log(
    `${((sum((file) => file.exports.length) * 1000) / lines).toFixed(1)} exports a 1,000 lines`,
  )
  console.log(`${(own / files.length).toFixed(2)} imports of our own a file`)
  console.log(`${circles(files).length} circles, types included`)
}

if (import.meta.main) await print()
