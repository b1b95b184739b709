import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openApiDocument } from '../../../src/producer/http/openapi/document.ts'
import { parseRequest, requestJsonSchema } from '../../../src/shared/contract/request.ts'
import { codePoint } from '../../helpers/code-point.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'

/** Every pattern of a published schema, with the paths where it stands. */
function patternsIn(node: unknown, path = ''): (readonly [string, string])[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([name, value]) =>
    name === 'pattern' && typeof value === 'string'
      ? [[value, path] as const]
      : patternsIn(value, `${path}/${name}`),
  )
}

const published = [requestJsonSchema(), openApiDocument({ version: '0' })]
const patterns = [...new Map(published.flatMap((schema) => patternsIn(schema)))]

describe('the patterns of the published schemas', () => {
  test('use only what every engine has, with the same meaning', () => {
    assert.ok(patterns.length >= 5)
    for (const [pattern, path] of patterns) {
      assert.doesNotMatch(pattern, /\\(?!x[0-9a-f]{2}|[.\\])|\(\?(?!:)|[^\x20-\x7e]/, path)
      assert.match(pattern, /^\^.*\$$/, path)
    }
  })

  test('compile in JavaScript with and without the u flag', () => {
    for (const [pattern] of patterns) {
      assert.doesNotThrow(() => new RegExp(pattern), pattern)
      assert.doesNotThrow(() => new RegExp(pattern, 'u'), pattern)
    }
  })
})

const FIELDS: Readonly<Record<string, (text: string) => object>> = {
  id: (id) => ({ id }),
  org: (org) => ({ org }),
  object: (object) => ({ object }),
  ids: (id) => ({ source: { type: 'ids', ids: [id] } }),
  path: (path) => ({ source: { type: 'file', path } }),
  sha256: (sha256) => ({ source: { type: 'file', path: 'a', sha256 } }),
  column: (column) => ({ source: { type: 'upload', column } }),
  reason: (reason) => ({ reason }),
}

interface TextSchema {
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
}

/** Of each field what the published schema says. */
function schemaOf(field: string): TextSchema {
  const { properties } = Object(requestJsonSchema())
  const [ids, upload, file] = properties.source.oneOf.map(Object)
  const inSources: Record<string, TextSchema> = {
    ids: ids.properties.ids.items,
    path: file.properties.path,
    sha256: file.properties.sha256,
    column: upload.properties.column,
    reason: properties.reason.anyOf[0],
  }
  return inSources[field] ?? properties[field]
}

function isValid(text: string, { pattern = '', minLength = 0, maxLength = 9e9 }: TextSchema) {
  const { length } = Array.from(text)
  return length >= minLength && length <= maxLength && new RegExp(pattern).test(text)
}

function isParsed(fields: object): boolean {
  try {
    parseRequest({ object: 'Contact', source: { type: 'ids', ids: [] }, ...fields }, 0)
    return true
  } catch {
    return false
  }
}

/** Near the borders of what the schemas allow: characters just inside and outside, lengths around the longest. */
const EDGES = [
  ...'aZ09_-./:;@[`{|," \t\n\r\u0000\u001f\u007f\u0080\u009f\u00a0\u0661é\u2028\ufeff😀',
]
const edgeText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...EDGES), maxLength: 6 }),
  fc.string({ unit: codePoint, maxLength: 4 }),
  fc
    .tuple(
      fc.constantFrom(...EDGES),
      fc.constantFrom(64, 80, 128, 200, 255, 1000, 4096),
      fc.integer({ min: -1, max: 1 }),
    )
    .map(([unit, length, more]) => unit.repeat(length + more)),
)

describe('the published schema and the parser', () => {
  for (const [field, request] of Object.entries(FIELDS)) {
    test(`accept the same text as ${field}`, () => {
      const schema = schemaOf(field)
      const accepted = fc.stringMatching(new RegExp(schema.pattern ?? '^.*$'), { maxLength: 80 })
      fc.assert(
        fc.property(fc.oneof(accepted, edgeText), (text) => {
          assert.equal(isParsed(request(text)), isValid(text, schema))
        }),
        { numRuns: runs(300) },
      )
    })
  }
})

const python = pythonWith()
const skip = 'missing' in python && python.missing

test('Python compiles the patterns and matches what JavaScript does', { skip }, () => {
  if ('missing' in python) return
  // A final line break is the one known difference: there `$` matches before it.
  const texts = fc
    .sample(edgeText, runs(300))
    .filter((text) => text.isWellFormed() && !/\n$/.test(text))
  const sources = patterns.map(([pattern]) => pattern)
  const matches = sources.map((source) => texts.map((text) => new RegExp(source, 'u').test(text)))
  assert.deepEqual(runPython(python.path, MATCH, { sources, texts }), matches)
})

const MATCH = `
import json, re, sys
given = json.load(sys.stdin)
print(json.dumps([[bool(re.search(p, t)) for t in given["texts"]] for p in given["sources"]]))
`
