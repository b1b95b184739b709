import type { DeletableObject } from '../shared/contract/objects.ts'
import { FieldError, Fields } from './fields.ts'
import { type JobRequest, LINE_ENDINGS } from './job.ts'
import { refuse } from './reply.ts'

const OPERATIONS = ['insert', 'update', 'upsert', 'delete', 'hardDelete'] as const
const DELIMITER_NAMES = ['COMMA', 'BACKQUOTE', 'CARET', 'PIPE', 'SEMICOLON', 'TAB'] as const

interface CreateRules {
  readonly objects: readonly DeletableObject[]
  readonly allowHardDelete: boolean
  readonly strictFields: boolean
}

interface Create {
  readonly request: JobRequest
  /** One that the API does not name, where those are ignored. */
  readonly unknownField: string | undefined
}

/** The body of `POST /jobs/ingest`, or the refusal it earns. */
export function parseJobRequest(body: string, rules: CreateRules): Create {
  const { operation, unknownField, ...request } = parseJson(body, (value) =>
    readFields(value, rules),
  )
  if (!rules.objects.some(({ name }) => name === request.object)) {
    refuse(400, 'INVALIDENTITY', `Entity '${request.object}' is not supported by the Bulk API.`)
  }
  if (operation !== 'delete' && operation !== 'hardDelete') {
    refuse(400, 'INVALIDOPERATION', `The sandbox imitates delete and hardDelete, not ${operation}`)
  }
  if (operation === 'hardDelete' && !rules.allowHardDelete) {
    refuse(
      400,
      'FEATURENOTENABLED',
      'hardDelete operation requires special user profile permission, please contact your system administrator',
    )
  }
  return { request: { operation, ...request }, unknownField }
}

/** Parses a JSON body; what is no JSON, or not what `read` expects, is the API's parser error. */
export function parseJson<T>(body: string, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(body))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof FieldError) {
      refuse(400, 'JSON_PARSER_ERROR', error.message)
    }
    throw error
  }
}

const KNOWN = [
  'object',
  'operation',
  'contentType',
  'columnDelimiter',
  'lineEnding',
  'externalIdFieldName',
  'assignmentRuleId',
]

function readFields(value: unknown, { strictFields }: CreateRules) {
  const fields = new Fields(value, 'job', KNOWN, { unknown: strictFields ? 'refuse' : 'ignore' })
  fields.oneOf('contentType', ['CSV'])
  return {
    object: fields.required('object', fields.string('object')),
    operation: fields.required('operation', fields.oneOf('operation', OPERATIONS)),
    lineEnding: fields.oneOf('lineEnding', LINE_ENDINGS) ?? 'LF',
    columnDelimiter: fields.oneOf('columnDelimiter', DELIMITER_NAMES) ?? 'COMMA',
    externalIdFieldName: fields.string('externalIdFieldName'),
    assignmentRuleId: fields.string('assignmentRuleId'),
    unknownField: fields.unknown,
  }
}
