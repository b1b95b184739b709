import type { TestContext } from 'node:test'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'

/** A sandbox of the test's own, with a client that knows no more than HTTP. */
export async function setup(t: TestContext, options: SandboxOptions = {}) {
  const sandbox = await startSandbox({ queueDelayMs: 0, ...options })
  t.after(() => sandbox.close())
  const client = new Client(sandbox)
  await client.login()
  return { sandbox, client }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, `{}` where it is no JSON. */
  readonly json: Json
  /** The body where it is an array; the API's errors are the first of one. */
  readonly list: readonly Json[]
  readonly refusal: Json
}

/** Every field that some answer has. */
export interface Json {
  readonly id: string
  readonly state: string
  readonly access_token: string
  readonly nextRecordsUrl: string
  readonly records: readonly Json[]
  readonly errorCode: string
  readonly message: string
  readonly issued_at: string
  readonly createdDate: string
  readonly user_id: string
  readonly error: string
  readonly errorMessage: string
  readonly attributes: { readonly type: string }
  readonly Id: unknown
  readonly Username: unknown
  readonly apiVersion: unknown
  readonly contentUrl: unknown
  readonly DailyApiRequests: unknown
  readonly DailyBulkApiBatches: unknown
  readonly done: unknown
  readonly label: unknown
  readonly seen: unknown
  readonly script: unknown
  readonly fired: unknown
  readonly error_description: unknown
  readonly instance_url: unknown
  readonly numberRecordsFailed: unknown
  readonly numberRecordsProcessed: unknown
  readonly organization_id: unknown
  readonly preferred_username: unknown
  readonly username: unknown
  readonly identity: string
  readonly active: unknown
  readonly totalProcessingTime: number
  readonly apiActiveProcessingTime: number
  readonly rowsDeleted: unknown
  readonly token_type: unknown
  readonly totalSize: unknown
}

export class Client {
  readonly #sandbox: Sandbox
  token = ''

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox
  }

  async login(): Promise<void> {
    const { clientId, clientSecret } = this.#sandbox
    const answer = await this.form('/services/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    })
    this.token = answer.json.access_token
  }

  form(path: string, fields: Record<string, string>, headers = {}): Promise<Answer> {
    const body = new URLSearchParams(fields)
    return this.fetch(path, { method: 'POST', body, headers })
  }

  async fetch(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.#sandbox.url + path, init)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const json = JSON.parse(isJson ? text : '{}')
    const list = Array.isArray(json) ? json : []
    const { status, headers } = response
    return { status, headers, text, json, list, refusal: list[0] ?? json }
  }

  /** A REST call below `/services/data/v61.0`; an object travels as JSON. */
  rest(method: string, path: string, body?: object | string, headers = {}): Promise<Answer> {
    const type = typeof body === 'string' ? 'text/csv' : 'application/json'
    return this.fetch(`/services/data/v61.0${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'Content-Type': type }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  }

  async create(fields = {}): Promise<string> {
    const job = { object: 'Contact', operation: 'delete', ...fields }
    return (await this.rest('POST', '/jobs/ingest', job)).json.id
  }

  upload(job: string, csv: string): Promise<Answer> {
    return this.rest('PUT', `/jobs/ingest/${job}/batches`, csv)
  }

  patch(job: string, state: string): Promise<Answer> {
    return this.rest('PATCH', `/jobs/ingest/${job}`, { state })
  }

  get(job: string, what = ''): Promise<Answer> {
    return this.rest('GET', `/jobs/ingest/${job}${what}`)
  }

  /** Creates, uploads and closes; resolves when the job is terminal or gone. */
  async run(csv: string, fields = {}): Promise<string> {
    const job = await this.create(fields)
    await this.upload(job, csv)
    await this.patch(job, 'UploadComplete')
    await this.#sandbox.idle()
    return job
  }

  /** The data rows of a result file, without quotes; what they hold has no delimiters in it. */
  async rows(job: string, file: ResultFile): Promise<string[][]> {
    const { text } = await this.get(job, `/${file}`)
    const [, ...lines] = text.trimEnd().split('\n')
    return lines.map((line) => line.replace(/^"(.*)"$/, '$1').split('","'))
  }
}

type ResultFile = 'successfulResults' | 'failedResults' | 'unprocessedrecords'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The n-th id of an object, 18 characters. */
export function id(n: number, prefix = '003'): string {
  let counter = ''
  for (let rest = n; counter.length < 9; rest = Math.floor(rest / 62)) {
    counter = DIGITS.charAt(rest % 62) + counter
  }
  return to18(`${prefix}5f0${counter}`)
}

export const ids = (count: number, first = 0) =>
  Array.from({ length: count }, (_, n) => id(first + n))

export const csv = (rows: readonly string[]) => `Id\n${rows.map((row) => `${row}\n`).join('')}`
