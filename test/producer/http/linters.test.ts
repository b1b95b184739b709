import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import spectral from '@stoplight/spectral-core'
import rulesets from '@stoplight/spectral-rulesets'
import { openApiDocument } from '../../../src/producer/http/openapi/document.ts'
import { requestJsonSchema } from '../../../src/shared/contract/request.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'

/** What tools that others have written find in the OpenAPI document. A warning counts as a fault. */

const document = JSON.parse(JSON.stringify(openApiDocument({ version: '1.0.0' })))

/** Rules of Spectral that do not hold here, and why. */
const EXCEPTIONS: ReadonlySet<unknown> = new Set([
  // Whom to ask is known to whoever runs the service, not to us.
  'info-contact',
  // Of OpenAPI 3.0: 3.1 has `identifier` in its place, and allows one of the two.
  'license-url',
])

test('Spectral finds nothing, in any of its rules for OpenAPI', async () => {
  const linter = new spectral.Spectral()
  linter.setRuleset(new spectral.Ruleset({ extends: [[rulesets.oas, 'all']] }))
  const found = await linter.run(document)
  const codes = new Set(found.map(({ code }) => code))
  assert.deepEqual(
    found
      .filter(({ code }) => !EXCEPTIONS.has(code))
      .map(({ code, path, message }) => `${code} at ${path.join('.')}: ${message}`),
    [],
  )
  assert.deepEqual(codes, EXCEPTIONS, 'an exception that is not needed')
})

test('Redocly finds nothing, in its strict rules', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const source = JSON.stringify(document)
  const found = await lintFromString({ source, absoluteRef: 'openapi.json', config })
  assert.deepEqual(
    found.map(
      ({ ruleId, location, message }) => `${ruleId} at ${location[0]?.pointer}: ${message}`,
    ),
    [],
  )
})

const python = pythonWith('jsonschema')
const skip = 'missing' in python && python.missing

test('Python’s jsonschema takes the schemas, and every example for what it shows', { skip }, () => {
  if ('missing' in python) return
  const cases = examplesIn(document)
  assert.ok(cases.length > 60)
  const schemas = [requestJsonSchema(), ...Object.values(document.components.schemas)]
  assert.deepEqual(runPython(python.path, VALIDATE, { document, schemas, cases }), [])
})

interface Case {
  readonly at: string
  readonly schema: unknown
  readonly example: unknown
}

/** Every media type with an example, wherever it stands. */
function examplesIn(node: unknown, at = ''): Case[] {
  if (typeof node !== 'object' || node === null) return []
  if ('example' in node && 'schema' in node)
    return [{ at, schema: node.schema, example: node.example }]
  return Object.entries(node).flatMap(([name, value]) => examplesIn(value, `${at}/${name}`))
}

const VALIDATE = `
import json, sys
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
wrong = []
for schema in given["schemas"]:
    Draft202012Validator.check_schema(schema)
for case in given["cases"]:
    schema = {"components": given["document"]["components"], "allOf": [case["schema"]]}
    for error in Draft202012Validator(schema).iter_errors(case["example"]):
        wrong.append(case["at"] + ": " + error.message)
print(json.dumps(wrong))
`
