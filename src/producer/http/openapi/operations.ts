import { REQUEST_ID } from '../../../shared/contract/request.ts'
import { listQuery, orgQuery, ownOrgQuery, RESULT_FILE_NAMES } from '../parameters.ts'
import { schemaOf } from './components.ts'
import { csvParameters } from './csv-parameters.ts'
import {
  acceptedExample,
  completedExample,
  csvExample,
  failedExample,
  pageExample,
  submitExample,
} from './examples.ts'
import { type Json, ref } from './json.ts'
import { csv, csvContent, headers, json, problems, problemsWithBody } from './responses.ts'

export const TAG = {
  name: 'Deletion requests',
  description: 'What is to be deleted, and what became of it.',
}
const TAGS = [TAG.name]

/** Every operation of the API, by its name in the document. */
export function operations() {
  return {
    submit: submit(),
    upload: upload(),
    list: list(),
    look: look(),
    ...actions(),
    results: results(),
  }
}

function submit(): Json {
  return {
    operationId: 'submitDeletionRequest',
    tags: TAGS,
    summary: 'Submit a deletion request',
    description: `As JSON, with up to 10,000 ids, or naming a file that workers can read.\n\n${RIGHTS}`,
    parameters: orgParameter(ownOrgQuery),
    requestBody: {
      required: true,
      content: { 'application/json': { schema: ref('DeletionRequest'), example: submitExample } },
    },
    responses: { ...submitted(), ...problemsWithBody(410, 413) },
  }
}

function upload(): Json {
  return {
    operationId: 'uploadDeletionRequest',
    tags: TAGS,
    summary: 'Submit a deletion request with a CSV',
    description: `${UPLOAD}\n\n${RIGHTS}`,
    parameters: csvParameters(),
    requestBody: { required: true, content: csvContent(csvExample) },
    responses: { ...submitted(), ...problemsWithBody(410) },
  }
}

const UPLOAD = `A CSV of any size, staged as it comes. The other fields of the request stand in the query string. The CSV needs
a column \`Id\`, or is a bare list; other columns are ignored. A CSV that breaks off, or comes too slowly, leaves nothing behind.
A body without a \`Content-Type\` is taken as \`text/csv\`, and so is one of \`text/plain\` or \`application/octet-stream\`.`

const RIGHTS = `A key needs the role \`submit\`, and must be for the org, object, operation, priority and source; \`code\` says which is missing (403).
Its own limit of records counts like \`maxRecords\`. Where it has a budget of records, a list that does not fit is answered with 429
\`BUDGET_EXCEEDED\`; an upload or a file that does not fit ends \`refused\`.`

function submitted(): Json {
  const answer = (description: string, example: object) => {
    const response = json(description, 'Request', example)
    return { ...response, headers: { ...Object(response['headers']), ...headers('Location') } }
  }
  return {
    200: answer('The very same request is there already.', completedExample),
    202: answer('Accepted and stored.', acceptedExample),
  }
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
      ...problems(),
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
      ...problems(),
    },
  }
}

function actions(): { approve: Json; cancel: Json } {
  const body = (name: string, example: object) => ({
    required: false,
    content: { 'application/json': { schema: ref(name), example } },
  })
  const common = { tags: TAGS, parameters: [ID, ...orgParameter()] }
  const faults = problemsWithBody(413)
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
      200: csv('The file.', failedExample, headers('Repr-Digest')),
      ...problems(409),
    },
  }
}

const ORG = 'The Salesforce org, by its name.'

const ID = {
  ...{ name: 'id', in: 'path', required: true },
  schema: { type: 'string', pattern: REQUEST_ID.source },
  description: 'The id of the request, in any case.',
}

function orgParameter(query: typeof orgQuery | typeof ownOrgQuery = orgQuery): Json[] {
  return queryParameters(schemaOf(query, 'output')['properties'], { org: ORG })
}

function queryParameters(properties: unknown, descriptions: Record<string, string>): Json[] {
  return Object.entries(Object(properties)).map(([name, schema]) => {
    const description = descriptions[name]
    return { name, in: 'query', schema, ...(description === undefined ? {} : { description }) }
  })
}
