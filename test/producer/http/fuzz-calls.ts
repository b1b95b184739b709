import { METHODS } from 'node:http'
import { cursorAt } from '../../../src/producer/http/routes/list.ts'
import { codePoint } from '../../helpers/code-point.ts'
import { fc } from '../../helpers/fast-check.ts'
import { ids18 } from '../../helpers/ids.ts'
import { type Schema, valuesOf } from '../../helpers/schema-values.ts'

/** Calls made from the OpenAPI document: as it describes them, and bent in the ways that clients bend them. */

export interface Operation {
  readonly operationId: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly schema: Schema
}

export interface Call {
  readonly method: string
  /** As it stands in the request line. */
  readonly path: string
  readonly query: readonly (readonly [string, string])[]
  readonly headers: readonly string[]
  readonly body: Buffer | null
  /** What was done to it; empty where it is as described. */
  readonly bent: readonly string[]
}

export interface Described {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** What the org allows. */
const objects = fc.constantFrom('Contact', 'Lead')

/** Ids that come again, so that calls meet requests that are there. */
const KNOWN_IDS = ['fuzzed-1', 'Fuzzed-2']

export function describedCalls(
  { method, path, operation }: Described,
  { org, schemas }: { org: string; schemas: Readonly<Record<string, Schema>> },
): fc.Arbitrary<Call> {
  const fixed = new Map<string, fc.Arbitrary<unknown>>([
    ['org', fc.constant(org)],
    ['object', objects],
    // As a page before would have given it.
    ['cursor', fc.constant(cursorAt({ submittedAt: 0, id: 'a' }))],
  ])
  const valuesFor = ({ name, schema }: Parameter) =>
    name === 'id'
      ? fc.oneof(fc.constantFrom(...KNOWN_IDS), valuesOf(schema, schemas))
      : name === 'label'
        ? valuesOf(schema, schemas).map(oneOfEachName)
        : (fixed.get(name) ?? valuesOf(schema, schemas))
  const inPlace = (place: Parameter['in']) =>
    fc.record(
      Object.fromEntries(
        operation.parameters
          .filter((one) => one.in === place)
          .map((one) => [one.name, valuesFor(one)]),
      ),
      { requiredKeys: requiredIn(place, operation) },
    )
  return fc
    .record({
      inPath: inPlace('path'),
      inQuery: inPlace('query'),
      body: bodyOf(operation, schemas),
    })
    .map(({ inPath, inQuery, body }) => ({
      method,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name) => encoded(inPath[name])),
      query: Object.entries(inQuery).flatMap(([name, value]) =>
        [value].flat().map((one) => [name, encoded(one)] as const),
      ),
      headers: body === null ? [] : [`Content-Type: ${body.type}`],
      body: body?.bytes ?? null,
      bent: [],
    }))
}

/** The org is always said: there are others in the same Redis. */
function requiredIn(place: Parameter['in'], { parameters }: Operation): string[] {
  const required = parameters.filter((one) => one.in === place && one.required)
  return [...required.map(({ name }) => name), ...(place === 'query' ? ['org'] : [])]
}

/** Several values of one label are refused, which a schema cannot say. */
function oneOfEachName(labels: unknown): readonly string[] {
  const texts = Array.isArray(labels) ? labels.map(String) : []
  return [...new Map(texts.map((text) => [text.split('=', 1)[0], text])).values()]
}

const encoded = (value: unknown) => encodeURIComponent(String(value).toWellFormed())

function bodyOf(
  { requestBody }: Operation,
  schemas: Readonly<Record<string, Schema>>,
): fc.Arbitrary<{ type: string; bytes: Buffer } | null> {
  const [[type, { schema }] = [null, { schema: {} }]] = Object.entries(requestBody?.content ?? {})
  if (type === null) return fc.constant(null)
  if (type === 'text/csv') {
    const rows = fc.integer({ min: 1, max: 20 }).map((n) => `Id\n${ids18(n).join('\n')}\n`)
    return rows.map((text) => ({ type, bytes: Buffer.from(text) }))
  }
  // The org is the query's.
  return fc.tuple(valuesOf(schema, schemas), objects).map(([value, object]) => {
    const { org: _, ...fields } = Object(value)
    if ('object' in fields) fields.object = object
    if ('source' in fields) fields.source = readable(fields.source, object)
    return { type, bytes: Buffer.from(JSON.stringify(fields)) }
  })
}

/** A source with what its schema cannot say: its query is one, and one place in the bucket is named. */
function readable(given: unknown, object: string): object {
  const { of, except, key, prefix, manifest, ...source } = Object(given)
  const lists = {
    ...(Array.isArray(of) ? { of: of.map((one) => readable(one, object)) } : {}),
    ...(except === undefined ? {} : { except: readable(except, object) }),
  }
  switch (source.type) {
    case 's3':
      if (manifest !== undefined) return { ...source, ...lists, manifest }
      return { ...source, ...lists, ...(prefix === undefined ? { key: key ?? 'a' } : { prefix }) }
    case 'postgres':
      return { ...source, ...lists, query: `SELECT ${source.query.replaceAll('\0', '')}` }
    case 'soql':
      return { ...source, ...lists, query: `SELECT Id FROM ${object}` }
    default:
      return { ...source, ...lists }
  }
}

/** One thing that is done to a call. */
type Bend = (call: Call) => Call

const junk = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      '%00',
      '%',
      '%zz',
      '%ff',
      '%c3%28',
      '%0d%0aX:%20y',
      '%2e%2e%2f',
      '..',
      '%2F',
      '%25',
    ],
    ...[
      'null',
      'true',
      '-1',
      '1e999',
      '0x10',
      'NaN',
      '9'.repeat(400),
      'x'.repeat(129),
      'x'.repeat(161),
    ],
    ...['[]', '{}', '__proto__', 'constructor', '%F0%9F%98%80', '%EF%BB%BF', '%E2%80%8B', '\u00e9'],
  ),
  fc.string({ unit: codePoint, maxLength: 8 }).map(encoded),
)

const TYPES = [
  ...['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;charset="utf-8"'],
  ...[
    'application/json; charset=utf-16',
    'application/json;',
    'application/json;;x',
    'application/jsonp',
  ],
  ...[
    'text/csv',
    'text/csv; charset=iso-8859-1',
    'text/csv; header=present',
    'text/plain',
    'text/json',
  ],
  ...[
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '*/*',
    'x',
    '/',
    ',',
    '',
  ],
]

const BODIES: readonly Buffer[] = [
  ...[
    '',
    ' ',
    '\ufeff',
    '\ufeff{}',
    'null',
    '0',
    '""',
    '[]',
    '[[]]',
    '{',
    '{}',
    '{}{}',
    '{"a":1,"a":2}',
  ],
  ...[
    '{"id":null}',
    '{"object":"\\u0000"}',
    '{"object":"\\ud800"}',
    '{"__proto__":{}}',
    '\u0000',
    '{"x":1e999}',
  ],
  ...[
    '{"source":{"type":"ids","ids":["\\u0000"]}}',
    '{"source":{"type":"upload"}}',
    '{"deadline":"2026-02-30T00:00:00Z"}',
  ],
  ...['a=b&c=d', '--x\r\n\r\n--x--', 'sep=;\r\nId\r\n', 'Id\u0000', '"', '<xml/>'],
].map((text) => Buffer.from(text))

const HEADERS = [
  ...[
    'Accept: text/html',
    'Accept: nothing/atall',
    'Accept: ',
    'Accept-Encoding: br',
    'If-None-Match: *',
  ],
  ...[
    'Range: bytes=0-0',
    'Expect: 100-continue',
    'Expect: more',
    'X-Request-Id: \u00e9',
    'Cookie: a=b',
    'TE: trailers',
  ],
  ...[
    'Authorization: Bearer',
    'Authorization: Basic eDp5',
    'X-HTTP-Method-Override: DELETE',
    'Forwarded: for=x',
  ],
  ...[
    'Host: other',
    'Origin: https://evil.example',
    'Sec-Fetch-Site: cross-site',
    'Upgrade: websocket',
  ],
  ...[
    'Content-Encoding: gzip',
    'Content-Encoding: identity',
    'Content-Encoding: br',
    'Transfer-Encoding: gzip',
  ],
  ...[
    'Content-Length: 1',
    'Content-Length: x',
    'traceparent: 00-x',
    'X-Empty:',
    'Content-Type: text/csv',
  ],
]

const named = (name: string, bend: Bend): Bend => {
  return (call) => ({ ...bend(call), bent: [...call.bent, name] })
}

const bends: fc.Arbitrary<Bend> = fc.oneof(
  fc
    .constantFrom(...METHODS.filter((one) => one !== 'CONNECT'))
    .map((method) => named(`method ${method}`, (call) => ({ ...call, method }))),
  fc
    .tuple(fc.nat(), junk)
    .map(([k, text]) =>
      named(`path ${k} ${text}`, (call) => ({ ...call, path: withSegment(call.path, k, text) })),
    ),
  fc
    .tuple(fc.nat(), junk)
    .map(([k, text]) =>
      named(`query ${k} ${text}`, (call) => ({ ...call, query: withValue(call.query, k, text) })),
    ),
  fc.tuple(junk, junk).map(([name, text]) =>
    named(`parameter ${name}=${text}`, (call) => ({
      ...call,
      query: [...call.query, [name, text]],
    })),
  ),
  fc.nat().map((k) =>
    named(`twice ${k}`, (call) => ({
      ...call,
      query: [...call.query, ...call.query.slice(k % 3)],
    })),
  ),
  fc
    .constantFrom(...TYPES)
    .map((type) =>
      named(`type ${type}`, (call) => ({ ...call, headers: [`Content-Type: ${type}`] })),
    ),
  fc.constant(named('no type', (call) => ({ ...call, headers: [] }))),
  fc
    .constantFrom(...HEADERS)
    .map((line) => named(line, (call) => ({ ...call, headers: [...call.headers, line] }))),
  fc.constantFrom(...BODIES).map((body) => named(`body ${body}`, (call) => ({ ...call, body }))),
  fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => named('bytes', (call) => ({ ...call, body: Buffer.from(bytes) }))),
  fc.tuple(fc.nat(), fc.jsonValue()).map(([k, value]) =>
    named(`field ${k} ${JSON.stringify(value)}`, (call) => ({
      ...call,
      body: withField(call.body, k, value),
    })),
  ),
  fc.nat().map((k) =>
    named(`cut ${k}`, ({ body, ...call }) => ({
      ...call,
      body: body?.subarray(0, k % (body.length + 1)) ?? null,
    })),
  ),
)

/** One to three of them: most faults need one, some hide behind another. */
export function bentCalls(calls: fc.Arbitrary<Call>): fc.Arbitrary<Call> {
  return fc
    .tuple(calls, fc.array(bends, { minLength: 1, maxLength: 3 }))
    .map(([call, all]) => all.reduce((bent, bend) => bend(bent), call))
}

function withSegment(path: string, k: number, text: string): string {
  const segments = path.split('/')
  return segments.with(1 + (k % (segments.length - 1)), text).join('/')
}

function withValue(query: Call['query'], k: number, text: string): Call['query'] {
  if (query.length === 0) return query
  const at = k % query.length
  return query.with(at, [query[at]?.[0] ?? '', text])
}

/** A JSON body with another value for one of its fields; anything else as it is. */
function withField(body: Buffer | null, k: number, value: unknown): Buffer | null {
  try {
    const fields: object = JSON.parse(String(body))
    const names = Object.keys(fields)
    const name = names[k % (names.length + 1)] ?? 'unknown'
    return Buffer.from(JSON.stringify({ ...fields, [name]: value }))
  } catch {
    return body
  }
}

/** As it goes over the wire. */
export function bytesOf({ method, path, query, headers, body }: Call): Buffer {
  const search = query.map(([name, value]) => `${name}=${value}`).join('&')
  const length = body === null ? [] : [`Content-Length: ${body.length}`]
  const lines = [
    `${method} ${path}${search === '' ? '' : `?${search}`} HTTP/1.1`,
    ...['Host: localhost', 'Connection: close', ...length, ...headers, '', ''],
  ]
  return Buffer.concat([Buffer.from(lines.join('\r\n')), body ?? Buffer.alloc(0)])
}
