import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenHere } from './http-server.ts'

/**
 * Bulk API 2.0 by its documentation alone, written apart from the sandbox: what is true of both is
 * not a habit of the sandbox. Jobs are processed as soon as they are closed; a row of `refused`
 * fails.
 */
export interface OtherServer {
  readonly url: string
  /** Calls other than logins. */
  readonly calls: readonly string[]
  /** How often each id was deleted. */
  readonly deletions: ReadonlyMap<string, number>
}

interface Job {
  readonly id: string
  readonly object: string
  readonly operation: string
  state: string
  rows: readonly string[]
}

interface Answer {
  readonly status: number
  readonly body: object | string
}

export async function startOtherServer(
  scope: { after(fn: () => Promise<void>): void },
  refused: ReadonlySet<string>,
): Promise<OtherServer> {
  const calls: string[] = []
  const deletions = new Map<string, number>()
  const jobs = new Map<string, Job>()
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      const isJson = typeof body === 'object'
      response.writeHead(status, { 'content-type': isJson ? 'application/json' : 'text/csv' })
      response.end(isJson ? JSON.stringify(body) : body)
    })
  })
  const url = await listenHere(scope, server)

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method = '', url: path = '' } = request
    const sent = await text(request)
    if (path === '/services/oauth2/token') {
      const id = `${url}/id/00D5f000004XZjpEAG/0055f000008EXAMAA4`
      return { status: 200, body: { access_token: 'token', instance_url: url, id } }
    }
    calls.push(`${method} ${path}`)
    if (path === '/services/oauth2/userinfo') {
      const body = { organization_id: '00D5f000004XZjpEAG', user_id: '0055f000008EXAMAA4' }
      return { status: 200, body }
    }
    if (path.includes('FROM%20Organization')) {
      const about = {
        Name: 'Other',
        IsSandbox: true,
        InstanceName: 'CS1',
        TrialExpirationDate: null,
      }
      const records = [{ Id: '00D5f000004XZjpEAG', OrganizationType: 'Base Edition', ...about }]
      return { status: 200, body: { totalSize: 1, done: true, records } }
    }
    if (path.endsWith('/limits')) {
      const allowance = { Max: 15_000, Remaining: 15_000 }
      return { status: 200, body: { DailyApiRequests: allowance, DailyBulkApiBatches: allowance } }
    }
    const [resource = '', id = '', part = ''] = path
      .split(/\/jobs\/|\/(?=750)|(?<=750\w{15})\//)
      .slice(1)
    if (resource.startsWith('ingest') && method === 'POST') return created(JSON.parse(sent))
    const job = jobs.get(id)
    if (job === undefined) return { status: 404, body: [{ errorCode: 'NOT_FOUND', message: path }] }
    if (method === 'PUT') {
      job.rows = sent.trimEnd().split('\n').slice(1)
      return { status: 201, body: '' }
    }
    if (method === 'PATCH') {
      job.state = JSON.parse(sent).state === 'Aborted' ? 'Aborted' : 'JobComplete'
      if (job.state === 'JobComplete') for (const row of job.rows) judge(row)
    }
    if (part.startsWith('failedResults')) return { status: 200, body: failures(job.rows) }
    if (part.startsWith('successfulResults')) return { status: 200, body: successes(job.rows) }
    return { status: 200, body: info(job) }
  }

  function created({ object, operation }: { object: string; operation: string }): Answer {
    const id = `7505f00000${String(jobs.size).padStart(5, '0')}AAA`
    const job = { id, object, operation, state: 'Open', rows: [] }
    jobs.set(id, job)
    return { status: 200, body: info(job) }
  }

  function judge(row: string): void {
    if (!refused.has(row)) deletions.set(row, (deletions.get(row) ?? 0) + 1)
  }

  function info({ rows, ...job }: Job) {
    const isOver = job.state === 'JobComplete'
    return {
      ...job,
      ...{ contentType: 'CSV', apiVersion: 66.0, columnDelimiter: 'COMMA', lineEnding: 'LF' },
      ...{ concurrencyMode: 'Parallel', jobType: 'V2Ingest', retries: 0 },
      numberRecordsProcessed: isOver ? rows.length : 0,
      numberRecordsFailed: isOver ? rows.filter((row) => refused.has(row)).length : 0,
    }
  }

  const failures = (rows: readonly string[]) =>
    csv(
      'sf__Error',
      'DELETE_FAILED:no:--',
      rows.filter((row) => refused.has(row)),
    )
  const successes = (rows: readonly string[]) =>
    csv(
      'sf__Created',
      'false',
      rows.filter((row) => !refused.has(row)),
    )
  const csv = (column: string, value: string, rows: readonly string[]) =>
    [`"sf__Id","${column}",Id`, ...rows.map((row) => `"${row}","${value}","${row}"`), ''].join('\n')

  return { url, calls, deletions }
}
