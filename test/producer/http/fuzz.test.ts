import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { fc, runs } from '../../helpers/fast-check.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { startApi, until } from './api.ts'
import { bentCalls, bytesOf, type Call, type Described, describedCalls } from './fuzz-calls.ts'

/**
 * Calls made from the OpenAPI document, valid ones and bent ones, against a service over a real socket.
 */
/** On a machine that is busy with something else fewer calls will do; none of them counts as failed. */
const LONGEST_MS = runs(60_000)

const scope = inReverse(after)
// All of its keys are counted.
const redis = await startRedis(scope, {})
const world = await startWorld(scope, { redis })
const { org } = world
// For bodies that are shorter than they say.
const timeouts = { lingerMs: 500, body: { graceMs: 1000, silentMs: 500, bytesPerSecond: 1 } }
const api = await startApi(scope, world, { redis, timeouts })
const { json: document } = await api.call('/openapi.json')
const { schemas } = document.components

const described: readonly Described[] = Object.entries(document.paths).flatMap(
  ([path, operations]) =>
    Object.entries(Object(operations)).map(([name, operation]) => ({
      method: name.toUpperCase(),
      path,
      operation: Object(operation),
    })),
)

const ajv = new Ajv2020({ strict: false, formats: { int32: true, int64: true } })
formats.default(ajv)
ajv.addSchema({ $id: 'document', components: document.components })

interface Answer {
  readonly status: number
  readonly type: string
  readonly allow: string | undefined
  readonly text: string
}

async function send(call: Call): Promise<Answer> {
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  socket.write(bytesOf(call))
  // Who asks whether to go on is told so first.
  const text = String(await buffer(socket)).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const headers = new Map(
    head.split('\r\n').map((line) => {
      const [name = '', ...value] = line.split(': ')
      return [name.toLowerCase(), value.join(': ')] as const
    }),
  )
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]),
    type: headers.get('content-type')?.split(';', 1)[0] ?? '',
    allow: headers.get('allow'),
    text: rest.join('\r\n\r\n'),
  }
}

/** The operation that a call reaches; undefined where the document has none. */
function operationOf({ method, path }: Call): Described | undefined {
  const fits = ({ path: template }: Described) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]*')}$`).test(path)
  // A concrete path goes before a template, as OpenAPI has it.
  const [concrete] = described
    .filter(fits)
    .toSorted((a, b) => a.path.split('{').length - b.path.split('{').length)
  return described.find((one) => one.method === method && one.path === concrete?.path)
}

/** What the answer of an operation has to be, by the document. */
function assertDescribed({ operation }: Described, { status, type, text }: Answer): void {
  const { responses } = Object(operation)
  const response = responses[status]
  assert.ok(response, `the document has no ${status} for ${operation.operationId}`)
  const media = response.content[type]
  assert.ok(
    media,
    `the document has no ${status} of the type "${type}" for ${operation.operationId}`,
  )
  if (type === 'text/csv') return
  const { $ref } = media.schema
  const isValid = ajv.validate({ $ref: `document${$ref}` }, JSON.parse(text))
  assert.ok(isValid, ajv.errorsText())
  answers.set(text, $ref)
}

/** Every answer that was held against its schema, for a second opinion. */
const answers = new Map<string, string>()

function assertProblem({ status, type, text, allow }: Answer): void {
  assert.equal(type, 'application/problem+json')
  const problem = JSON.parse(text)
  assert.equal(problem.status, status)
  assert.match(problem.code, /^[A-Z_]+$/)
  if (status === 405) assert.match(allow ?? '', /^[A-Z]+(?:, [A-Z]+)*$/)
}

/** What is in Redis: a key more or less, or a record of a request. */
const written = async () =>
  JSON.stringify([
    await world.store.redis.dbsize(),
    await world.store.redis.zcard(world.store.ledger.keys.requests),
  ])

test('every answer is one that the document describes, and what is refused leaves nothing', async (t) => {
  const all = fc.oneof(
    ...described.flatMap((one) => {
      const calls = describedCalls(one, { org, schemas })
      return [
        { arbitrary: calls, weight: 1 },
        { arbitrary: bentCalls(calls), weight: 3 },
      ]
    }),
  )
  await fc.assert(
    fc.asyncProperty(all, async (call) => {
      const before = await written()
      const answer = await send(call)
      assert.ok(answer.status < 500, `${answer.status} ${answer.text}`)
      // HEAD has the headers alone.
      if (call.method === 'HEAD') return
      const operation = operationOf(call)
      if (answer.status >= 400) {
        assertProblem(answer)
        await until(t, async () => (await written()) === before)
      }
      if (operation !== undefined) assertDescribed(operation, answer)
      else assert.ok(answer.status >= 400 || !call.path.startsWith('/v1/'), `${answer.status}`)
      const isDescribed = operation !== undefined && call.bent.length === 0
      if (isDescribed) assert.ok(!REFUSED_AS_WRITTEN.has(answer.status), answer.text)
    }),
    { numRuns: runs(30) * described.length, interruptAfterTimeLimit: LONGEST_MS },
  )
})

/** Of a call that is as the document says: it is taken, or stands against what is there. */
const REFUSED_AS_WRITTEN: ReadonlySet<number> = new Set([400, 405, 413, 415, 422])

const python = pythonWith('jsonschema')
const skip = 'missing' in python && python.missing

test('Python’s jsonschema finds the same answers valid', { skip }, () => {
  if ('missing' in python) return
  const cases = [...answers].map(([text, $ref]) => ({ $ref, instance: JSON.parse(text) }))
  assert.ok(cases.length > 0)
  assert.deepEqual(runPython(python.path, VALIDATE, { document, cases: cases.slice(0, 500) }), [])
})

const VALIDATE = `
import json, sys
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
validators = {}
wrong = []
for case in given["cases"]:
    name = case["$ref"]
    if name not in validators:
        schema = {"components": given["document"]["components"], "$ref": name}
        validators[name] = Draft202012Validator(schema)
    wrong += [name + ": " + error.message for error in validators[name].iter_errors(case["instance"])]
print(json.dumps(wrong))
`
