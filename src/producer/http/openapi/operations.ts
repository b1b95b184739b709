import { STATUS_CODES } from 'node:http'
import { requestJsonSchema } from '../../../shared/request.ts'
import { listQuery, orgQuery, RESULT_FILE_NAMES } from '../parameters.ts'
import { type Json, ref, schemaOf } from './components.ts'
import {
  acceptedExample,
  completedExample,
  csvExample,
  failedExample,
  PROBLEM_EXAMPLES,
  pageExample,
  submitExample,
} from './examples.ts'

const TAGS = ['Deletion requests']

/** Every operation of the API, by its name in the document. */
export function operations() {
  return { submit: submit(), list: list(), look: look(), ...actions(), results: results() }
}

function submit(): Json {
  return {
    operationId: 'submitDeletionRequest',
    tags: TAGS,
    summary: 'Submit a deletion request',
    description: SUBMIT,
    parameters: csvParameters(),
    requestBody: {
      required: true,
      content: {
        'application/json': { schema: ref('DeletionRequest'), example: submitExample },
        'text/csv': { schema: { type: 'string' }, example: csvExample },
      },
    },
    responses: {
      202: { ...json('Accepted and stored.', 'Request', acceptedExample), headers: LOCATION },
      200: {
        ...json('The very same request is there already.', 'Request', completedExample),
        headers: LOCATION,
      },
      ...problems(400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 500, 503),
    },
  }
}

const SUBMIT = `As JSON with up to 10,000 ids, or as a CSV of any size, whose options stand in the query string. The CSV needs
a column \`Id\`, or is a bare list; other columns are ignored. A CSV that breaks off, or comes too slowly, leaves nothing behind.

A key needs the role \`submit\`, and must be for the org, object, operation, priority and source; \`code\` says which is missing (403).
Its own limit of records counts like \`maxRecords\`. Where it has a budget of records, a list that does not fit is answered with 429
\`BUDGET_EXCEEDED\`; an upload or a file that does not fit ends \`refused\`.`

const LOCATION = {
  Location: { description: 'Where the request can be looked at.', schema: { type: 'string' } },
}

function list(): Json {
  const { properties } = schemaOf(listQuery, 'output')
  return {
    operationId: 'listDeletionRequests',
    tags: TAGS,
    summary: 'List deletion requests, newest first',
    description:
      'Page by page: `cursor` takes the `next` of the page before. Needs the role `read`, and shows what is for the objects of the key.',
    parameters: queryParameters(properties, {
      org: ORG,
      status: 'Only requests with this status.',
      object: 'Only requests for this object.',
      limit: 'Requests in a page at most.',
      cursor: 'The `next` of the page before.',
    }),
    responses: {
      200: json('A page.', 'RequestPage', pageExample),
      ...problems(400, 401, 403, 404, 422, 429, 500, 503),
    },
  }
}

function look(): Json {
  return {
    operationId: 'getDeletionRequest',
    tags: TAGS,
    summary: 'Look at a deletion request',
    description:
      'Its status, plan, progress and receipt. Needs the role `read`, or the key that submitted it.',
    parameters: [ID, ...orgParameter()],
    responses: {
      200: json('The request as it is now.', 'Request', completedExample),
      ...problems(400, 401, 403, 404, 422, 429, 500, 503),
    },
  }
}

function actions(): { approve: Json; cancel: Json } {
  const body = (name: string, example: object) => ({
    required: false,
    content: { 'application/json': { schema: ref(name), example } },
  })
  const common = { tags: TAGS, parameters: [ID, ...orgParameter()] }
  const faults = problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503)
  return {
    approve: {
      operationId: 'approveDeletionRequest',
      summary: 'Approve a plan',
      description:
        'Lets a plan that awaits approval go ahead. Needs the role `approve`, a key for the object and the operation, and another than the one that submitted it. May be repeated. Name the `plan` that you looked at, and no other is approved.',
      ...common,
      requestBody: body('Approval', { reason: 'Checked.', plan: completedExample.plan?.sha256 }),
      responses: {
        200: json('Approved.', 'Request', { ...acceptedExample, status: 'deleting' }),
        ...faults,
      },
    },
    cancel: {
      operationId: 'cancelDeletionRequest',
      summary: 'Cancel a deletion request',
      description:
        'From now on nothing more of it is sent, and its ingest jobs at work are aborted; the receipt tells what was deleted until then. Turns down a plan that awaits approval. Needs the role `approve`, or the key that submitted it. May be repeated.',
      ...common,
      requestBody: body('Action', { reason: 'Withdrawn.' }),
      responses: {
        202: json('It is being ended.', 'Request', { ...acceptedExample, stopping: 'cancelled' }),
        ...faults,
      },
    },
  }
}

function results(): Json {
  const file = {
    ...{ name: 'file', in: 'path', required: true },
    schema: { type: 'string', enum: RESULT_FILE_NAMES },
    description:
      'failed: Id, Code, Message. unprocessed: Id. invalid: Line, Value, Reason. deleted: Id, where the audit option is on.',
  }
  return {
    operationId: 'getResultFile',
    tags: TAGS,
    summary: 'Download a result file',
    description:
      'Which ids got which verdict, once the request is over. A file without rows does not exist; the receipt lists the others in `files`. Needs the role `read`, or the key that submitted the request.',
    parameters: [ID, file, ...orgParameter()],
    responses: {
      200: {
        description: 'The file.',
        headers: {
          'Repr-Digest': {
            description: 'SHA-256 of the file, as in the receipt (RFC 9530).',
            schema: { type: 'string' },
          },
        },
        content: { 'text/csv': { schema: { type: 'string' }, example: failedExample } },
      },
      ...problems(400, 401, 403, 404, 409, 422, 429, 500, 503),
    },
  }
}

const ORG = 'The Salesforce org, by its name.'

const ID = {
  ...{ name: 'id', in: 'path', required: true, schema: { type: 'string' } },
  description: 'The id of the request, in any case.',
}

function orgParameter(): Json[] {
  return queryParameters(schemaOf(orgQuery, 'output')['properties'], { org: ORG })
}

/** What a JSON body has as fields, for a CSV; of these only `org` counts beside JSON too. */
function csvParameters(): Json[] {
  const { source: _, ...fields } = Object(requestJsonSchema()['properties'])
  const column = { type: 'string', description: 'Column that holds the ids; Id where absent.' }
  return Object.entries({ ...fields, column }).map(([name, schema]) => {
    // Its default only in words: a page that fills it in would send it along with JSON too.
    const { description = '', default: fallback = null, ...rest } = Object(schema)
    const where = name === 'org' ? '' : ' CSV only.'
    const otherwise = fallback === null ? '' : ` Default: ${fallback}.`
    return { name, in: 'query', schema: rest, description: `${description}${otherwise}${where}` }
  })
}

function queryParameters(properties: unknown, descriptions: Record<string, string>): Json[] {
  return Object.entries(Object(properties)).map(([name, schema]) => {
    const description = descriptions[name]
    return { name, in: 'query', schema, ...(description === undefined ? {} : { description }) }
  })
}

function json(description: string, schema: string, example: unknown): Json {
  return { description, content: { 'application/json': { schema: ref(schema), example } } }
}

function problems(...statuses: readonly number[]): Record<number, Json> {
  return Object.fromEntries(statuses.map((status) => [status, problemResponse(status)]))
}

const MAY_COME_BACK = {
  'Retry-After': { description: 'Seconds after which to ask again.', schema: { type: 'integer' } },
}

function problemResponse(status: number): Json {
  const title = STATUS_CODES[status] ?? ''
  const example = { type: 'about:blank', title, status, ...PROBLEM_EXAMPLES[status] }
  return {
    description: title,
    ...(status === 429 || status === 503 ? { headers: MAY_COME_BACK } : {}),
    content: { 'application/problem+json': { schema: ref('Problem'), example } },
  }
}
