import { counters, fault, HTML, PATH, patched, read } from '../bodies.ts'
import type { Exchange } from '../replay.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const JOB = { jobId: '7505f000000EXAMAA4' }
const FOLLOWED = { step: 'wait', ...JOB, since: Date.UTC(2026, 0, 2) } as const
const ENDED: Exchange = {
  ...{ request: `GET ${PATH}`, status: 200 },
  body: read('JobComplete', 66, counters(3, 0)),
}
const NO_ROUTE = '<html><body><h1>We are setting things up…</h1></body></html>'
const GONE = '<html><head><title>URL No Longer Exists</title></head><body></body></html>'

const poll = (answer: Omit<Exchange, 'request'>): Exchange => ({
  request: `GET ${PATH}`,
  ...answer,
})

/** An org's host and sessions, as they end under a client that holds them. */
export const MOVED: readonly (CallScenario | JobScenario)[] = [
  {
    title: 'redirects to another host are not followed; the third one leads to a new login',
    from: FOLLOWED,
    exchanges: [
      poll({ status: 301, headers: { location: 'https://acme.my.salesforce.com/' }, times: 3 }),
      ENDED,
    ],
    logins: 2,
    gives: { outcome: { deleted: 3 }, faults: ['outage', 'outage'] },
  },
  {
    title: 'no route, tried within one poll, leads to a new login before the fourth try',
    from: FOLLOWED,
    exchanges: [poll({ status: 420, headers: HTML, body: NO_ROUTE, times: 3 }), ENDED],
    logins: 2,
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: '"URL No Longer Exists" says nothing of the job, and leads to a new login',
    from: FOLLOWED,
    exchanges: [poll({ status: 404, headers: HTML, body: GONE, times: 3 }), ENDED],
    logins: 2,
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: 'one page with 200 between answers of the API is no reason to log in',
    from: FOLLOWED,
    exchanges: [poll({ status: 200, headers: HTML, body: NO_ROUTE }), ENDED],
    logins: 1,
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: 'an expired session that is told with 403 is renewed, and the close repeated',
    call: 'close',
    exchanges: [
      {
        ...{ request: `PATCH ${PATH}`, status: 403 },
        body: fault('INVALID_SESSION_ID', 'Session expired or invalid'),
      },
      { request: `PATCH ${PATH}`, status: 200, body: patched('UploadComplete') },
    ],
    logins: 2,
    gives: { value: { state: 'UploadComplete' } },
  },
]
