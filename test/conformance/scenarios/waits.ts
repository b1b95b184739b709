import { PATH } from '../bodies.ts'
import type { CallName, CallResult, CallScenario } from '../scenario.ts'

const CALLS: readonly (readonly [call: CallName, request: string])[] = [
  ['create', 'POST jobs/ingest'],
  ['upload', `PUT ${PATH}/batches`],
  ['close', `PATCH ${PATH}`],
  ['get', `GET ${PATH}`],
  ['failedResults', `GET ${PATH}/failedResults`],
  ['limits', 'GET limits/'],
]

const WAITS: readonly (readonly [wait: string, header: string])[] = [
  ['a day', '86400'],
  ['a time of the next century', 'Sat, 01 Jan 2101 00:00:00 GMT'],
  ['more than a timer can wait', '99999999999'],
]
const NO_WAITS = ['-86400', 'soon', '']

const OUTAGE = { kind: 'org-fault', code: 'HTTP_503', pause: 'outage' } as const
const HELD: CallResult = {
  error: { ...OUTAGE, atOnce: true, message: /Retry-After holds calls back for 3600 s\./ },
}
const TRIED: CallResult = { error: { ...OUTAGE, atOnce: false } }

const answer = (request: string, header: string) => ({
  ...{ request, status: 503, headers: { 'retry-after': header } },
})

/** Waits that a server names: the call is made once, and the whole org waits, an hour at most. */
export const SERVER_WAITS: readonly CallScenario[] = [
  ...CALLS.flatMap(([call, request]) =>
    WAITS.map(([wait, header]) => ({
      ...{ title: `${wait}, asked for at ${call}`, call },
      ...{ exchanges: [answer(request, header)], gives: HELD },
    })),
  ),
  ...NO_WAITS.map((header) => ({
    ...{
      title: `no time at all (${header || 'empty'}) is tried as without it`,
      call: 'get' as const,
    },
    ...{ exchanges: [{ ...answer(`GET ${PATH}`, header), times: 4 }], gives: TRIED },
  })),
]
