import { setTimeout as delay } from 'node:timers/promises'
import type { RowRules } from '../../src/sandbox/sandbox.ts'
import { type Fleet, startFleet } from '../../test/grafana/fleet.ts'
import { ids18 } from '../../test/helpers/ids.ts'

/** A run through the states that operators meet, each shown by the dashboards at its end. */

interface Scope {
  after(fn: () => Promise<void>): void
}

/** When a state was at its clearest, in milliseconds. */
export interface Moment {
  readonly state: string
  readonly from: number
  readonly to: number
}

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

/** Runs through all states; Prometheus's data stays in `data`. */
export async function runThrough(
  t: Scope,
  data: string,
  say: (line: string) => void,
): Promise<readonly Moment[]> {
  const fleet = await startFleet(t, { rows: CALM, rowsPerSecond: 5000, data, isHurried: true })
  const began = Date.now()
  const moments: Moment[] = []
  const seen = (state: string) => {
    const to = Date.now()
    moments.push({ state, from: Math.max(began, to - SHOWN_MS), to })
    say(`Seen: ${state}.`)
  }
  const stop = submitAll(fleet)
  t.after(stop)
  await delay(200_000)
  seen('calm')
  await failing(fleet)
  seen('failing')
  await outage(fleet, () => seen('outage'))
  await withoutRedis(fleet, () => seen('redis-down'))
  await fleet.stopWorkers()
  await delay(60_000)
  seen('no-workers')
  return moments
}

async function failing({ sandbox }: Fleet): Promise<void> {
  sandbox.setRows(FAILING)
  await delay(90_000)
  sandbox.setRows(CALM)
}

async function outage({ sandbox }: Fleet, seen: () => void): Promise<void> {
  await delay(30_000)
  const script = { on: '*', action: { do: 'answer', status: 503, body: 'html' } } as const
  const fault = sandbox.faults.add(script)
  await delay(60_000)
  seen()
  sandbox.faults.remove(fault.id)
  await delay(40_000)
}

async function withoutRedis({ redis }: Fleet, seen: () => void): Promise<void> {
  await redis.kill()
  await delay(25_000)
  seen()
  await redis.restart()
  await delay(20_000)
}

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
