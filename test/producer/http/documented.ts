import assert from 'node:assert/strict'
import { openApiDocument } from '../../../src/producer/http/openapi/document.ts'

interface Operation {
  readonly requestBody?: { readonly content: Record<string, unknown> }
  readonly responses: Readonly<Record<string, { readonly content: Record<string, unknown> }>>
}

/** The document as its readers get it. */
export const document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
} = JSON.parse(JSON.stringify(openApiDocument({ version: '0' })))

const templates = Object.entries(document.paths).map(([path, operations]) => ({
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  operations,
}))

/** Fails where the document does not have this status, or another media type for it. */
export function assertDocumented(method: string, path: string, answer: Response): void {
  const { pathname } = new URL(path, 'http://localhost')
  const { operations } = templates.find(({ pattern }) => pattern.test(pathname)) ?? {}
  const operation = operations?.[method.toLowerCase()]
  if (operation === undefined) return
  const response = operation.responses[answer.status]
  assert.ok(response, `${method} ${pathname}: ${answer.status} is not in the document`)
  const [type = ''] = (answer.headers.get('content-type') ?? '').split(';')
  assert.ok(type in response.content, `${method} ${pathname}: ${answer.status} as ${type}`)
}
