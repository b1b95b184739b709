import { z } from 'zod'
import { portable } from '../../../shared/contract/portable-schema.ts'
import { requestJsonSchema, storedSchema } from '../../../shared/contract/request.ts'
import { outcomeSchema, planSchema, receiptSchema } from '../../../shared/store/ledger/record.ts'
import { actionBody, approvalBody } from '../parameters.ts'
import { pageSchema, problemSchema, viewSchema } from '../schemas.ts'
import type { Json } from './json.ts'
import { withNamedSources } from './sources.ts'

/** The schemas that parse, as JSON Schema: what is written here cannot be another contract. */
export function componentSchemas(): Record<string, Json> {
  const { $schema: _, ...request } = requestJsonSchema()
  // An upload has an operation of its own.
  const submitted = withNamedSources(request, '', ['ids', 'file'])
  const { StoredRequest = {}, ...others } = answers()
  const stored = withNamedSources(StoredRequest, 'Stored', ['ids', 'upload', 'file'])
  return {
    DeletionRequest: submitted.request,
    ...submitted.sources,
    StoredRequest: stored.request,
    ...stored.sources,
    ...others,
    Action: schemaOf(actionBody, 'input'),
    Approval: schemaOf(approvalBody, 'input'),
  }
}

/** A schema with a name of its own is referred to by it wherever it is used. */
function answers(): Record<string, Json> {
  const named = z.registry<{ id: string }>()
  named.add(receiptSchema, { id: 'Receipt' })
  named.add(planSchema, { id: 'Plan' })
  named.add(outcomeSchema, { id: 'Outcome' })
  named.add(storedSchema, { id: 'StoredRequest' })
  named.add(viewSchema, { id: 'Request' })
  named.add(pageSchema, { id: 'RequestPage' })
  named.add(problemSchema, { id: 'Problem' })
  const uri = (id: string) => `#/components/schemas/${id}`
  const { schemas } = z.toJSONSchema(named, { uri, override: openEnded })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]))
}

export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  return bare(z.toJSONSchema(schema, { io, override: ({ jsonSchema }) => portable(jsonSchema) }))
}

function bare({ $schema: _, $id: __, ...schema }: Json): Json {
  return schema
}

/** A later version may add fields to what it answers; whoever reads must not break on them. */
function openEnded({ jsonSchema }: { jsonSchema: Json }): void {
  portable(jsonSchema)
  if (jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties']
}
