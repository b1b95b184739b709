import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { RowRules } from '../../src/sandbox/sandbox.ts'
import { type Fleet, startFleet } from '../../test/grafana/fleet.ts'
import { ids18 } from '../../test/helpers/ids.ts'

/** A run through the states that operators meet, each shown by the dashboards at its end. */

interface Scope {
  after(fn: () => Promise<void>): void
}

/** When a state was at its clearest, in milliseconds. */
export const momentSchema = z.object({
  state: z.string(),
  from: z.number(),
  to: z.number(),
  /** Titles of panels that have nothing to show then, and are right. */
  empty: z.array(z.string()),
})
export type Moment = z.output<typeof momentSchema>

/** Prometheus scrapes once a second, so five minutes here hold as much as over an hour elsewhere. */
export const SCRAPE = 1
const SHOWN_MS = 300_000

const CALM: RowRules = {
  rules: [
    { code: 'UNABLE_TO_LOCK_ROW', ratio: 0.02, times: 1 },
    { code: 'ENTITY_IS_DELETED', ratio: 0.01 },
    { code: 'DELETE_FAILED', ratio: 0.00003 },
  ],
}
const FAILING: RowRules = {
  rules: [
    { code: 'UNABLE_TO_LOCK_ROW', ratio: 0.02, times: 1 },
    { code: 'DELETE_FAILED', ratio: 0.3 },
    { code: 'INSUFFICIENT_ACCESS_OR_READONLY', ratio: 0.1 },
    { code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION', ratio: 0.03 },
  ],
}

const OBJECTS = [
  ['Contact', '003'],
  ['Contact', '003'],
  ['Lead', '00Q'],
  ['Campaign', '701'],
] as const

/** What producers read from Redis, and nobody knows without it. */
const SHARED = ['Workers', 'Paused orgs', 'In progress', 'Longest wait', 'Quota left']

/** While the quota lasts for a day. */
const LASTS = 'Priority normal waits in'

export interface RunOptions {
  /** Where Prometheus's data stays. */
  readonly data: string
  /** 1, or a fraction for states that last no longer than they must. */
  readonly pace: number
  readonly say: (line: string) => void
}

/** Runs through all states. */
export async function runThrough(t: Scope, options: RunOptions): Promise<readonly Moment[]> {
  const { data, pace, say } = options
  const fleet = await startFleet(t, { rows: CALM, rowsPerSecond: 5000, data, isHurried: true })
  const began = Date.now()
  const moments: Moment[] = []
  const lasting = (seconds: number) => delay(seconds * 1000 * pace)
  const seen = (state: string, empty: readonly string[] = []) => {
    const to = Date.now()
    moments.push({ state, from: Math.max(began, to - SHOWN_MS), to, empty: [...empty] })
    say(`Seen: ${state}.`)
  }
  t.after(submitAll(fleet))
  const { redis, sandbox, stopWorkers } = fleet
  const { remainingApiRequests } = sandbox.configure({ remainingApiRequests: 1_000_000 })

  await lasting(200)
  seen('calm', [LASTS, 'Alerts', 'Failed ids by code', 'Failed ids by object and code'])

  sandbox.setRows(FAILING)
  await lasting(90)
  sandbox.setRows(CALM)
  seen('failing', [LASTS])

  await lasting(30)
  const fault = sandbox.faults.add(UNAVAILABLE)
  await lasting(60)
  seen('outage', [LASTS])
  sandbox.faults.remove(fault.id)
  await lasting(40)

  await redis.kill()
  // An alert on Redis waits for a second, and Prometheus for two missing answers.
  await delay(Math.max(10, 25 * pace) * 1000)
  seen('redis-down', [...SHARED, LASTS, 'Quota runs out in'])
  await redis.restart()
  await lasting(20)

  // `normal` leaves a fifth to others, and `low` two fifths, so `low` waits first.
  sandbox.configure({ remainingApiRequests: 300_000 })
  await lasting(45)
  sandbox.configure({ remainingApiRequests: 80_000 })
  // The alert on jobs that wait takes a minute.
  await lasting(75)
  seen('quota')
  sandbox.configure({ remainingApiRequests })
  await lasting(30)

  await stopWorkers()
  // Without a sign of life, a worker counts for 15 s.
  await delay(Math.max(25, 60 * pace) * 1000)
  seen('no-workers', [LASTS])
  return moments
}

const UNAVAILABLE = { on: '*', action: { do: 'answer', status: 503, body: 'html' } } as const

/** A request every second or so, now and then a large one, until it is stopped. */
function submitAll({ apis, receiver }: Fleet): () => Promise<void> {
  const stopped = new AbortController()
  const submitted = (async () => {
    for (let at = 0; !stopped.signal.aborted; at++) {
      const [object, prefix] = OBJECTS[at % OBJECTS.length] ?? OBJECTS[0]
      const count = at % 12 === 5 ? 9_000 : 200 + ((at * 977) % 2800)
      const ids = ids18(count, at * 25_000, prefix)
      const request = {
        object,
        source: { type: 'ids', ids: at % 4 === 1 ? [...ids, ...ids.slice(0, 50), 'no id'] : ids },
        onInvalid: 'skip',
        ...(at % 60 === 20 && { approval: 'required' }),
        ...(at % 5 === 0 && { priority: 'high' }),
        ...(at % 5 === 3 && { priority: 'low' }),
        ...(at % 9 === 4 && { dryRun: true }),
        ...(at % 3 === 0 && { callbackUrl: receiver }),
      }
      await submit(apis[at % apis.length] ?? '', request).catch(() => {
        // Without Redis the API answers 503, which the dashboards are to show.
      })
      await delay(900 + ((at * 331) % 900))
    }
  })()
  return async () => {
    stopped.abort()
    await submitted
  }
}

async function submit(api: string, request: object): Promise<void> {
  const response = await fetch(new URL('/v1/deletion-requests', api), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  })
  const { id } = (await response.json()) as { readonly id?: string }
  if (id !== undefined) await fetch(new URL(`/v1/deletion-requests/${id}`, api))
}
