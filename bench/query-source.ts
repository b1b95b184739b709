import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { createSalesforce } from '../src/shared/salesforce/client.ts'
import { accessToken, type Login, SOURCES as MAIN, startSandboxProcess } from './sandbox-process.ts'

interface Scope {
  after(fn: () => Promise<void>): void
}

/** A query of so many records, in an org of its own: as a source, and by its calls alone. */
export async function startQueries(scope: Scope, records: number) {
  const { login, stop } = await startSandboxProcess(MAIN, ['--records', String(records)])
  scope.after(stop)
  const { url: loginUrl, clientId, clientSecret } = login
  const salesforce = createSalesforce({
    credentials: { kind: 'client-credentials', loginUrl, clientId, clientSecret },
    apiVersion: '61.0',
    proxyEnv: {},
  })
  scope.after(async () => salesforce.close())
  const query = 'SELECT Id FROM Contact'
  return { query, salesforce, raw: () => resultsOf(query, login) }
}

const info = z.object({ id: z.string(), state: z.string() })
const PAGE = 'maxRecords=200000'

async function* resultsOf(query: string, login: Login): AsyncGenerator<Uint8Array> {
  const headers = {
    Authorization: `Bearer ${await accessToken(login)}`,
    'Content-Type': 'application/json',
  }
  const jobs = `${login.url}/services/data/v61.0/jobs/query`
  const body = JSON.stringify({ operation: 'query', query })
  const created = await fetch(jobs, { method: 'POST', headers, body })
  const job = `${jobs}/${info.parse(await created.json()).id}`
  while (info.parse(await (await fetch(job, { headers })).json()).state !== 'JobComplete') {
    await delay(25)
  }
  for (let next = ''; next !== 'null'; ) {
    const answer = await fetch(`${job}/results?${PAGE}${next && `&locator=${next}`}`, { headers })
    if (answer.body) yield* answer.body
    next = answer.headers.get('sforce-locator') ?? 'null'
  }
}
