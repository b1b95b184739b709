import { z } from 'zod'
import { type GuardRails, parseGuardRails } from '../../contract/guard-rails.ts'
import type { FileState, SourceContent } from '../../contract/sources/read-file.ts'
import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { RAILS_FIELD } from './rails.ts'
import { contentSchema } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// A full Redis lets a script continue once it has written, and a running plan must end because that
// frees memory. So the first write is a no-op.
const BEGIN_PLANNING = script(
  'begin-planning',
  { keys: ['request', 'lock', 'outbox', 'live', 'settings'], args: ['token', 'lot', 'id'] },
  `${TELL}${STAND}
if redis.call('GET', lock) ~= token then return {'lost'} end
redis.call('HDEL', request, '')
local status = redis.call('HGET', request, 'status')
if status ~= 'queued' and status ~= 'planning' then return {'not-due'} end
if status == 'queued' then tell(request, outbox, 'planning') end
redis.call('HSET', request, 'status', 'planning', 'lot', lot)
stand(live, id, request, 'planning')
local guards = redis.call('HGET', request, 'guards')
if not guards then
  guards = redis.call('HGET', settings, '${RAILS_FIELD}')
  if guards then redis.call('HSET', request, 'guards', guards) end
end
return {'begun', redis.call('HINCRBY', request, 'plans', 1), guards}
`,
)

type Begun =
  | { readonly kind: 'lost' }
  | { readonly kind: 'not-due' }
  | {
      readonly kind: 'begun'
      /** Number of workers that died on this plan before. */
      readonly crashes: number
      /** Guard rails of the request; null if neither it nor its org has any. */
      readonly guards: GuardRails | null
    }

// The first attempt's value is kept; later attempts receive it.
const PIN_SOURCE = script(
  'pin-source',
  { keys: ['request'], args: ['lot', 'field', 'value'] },
  `
if redis.call('HGET', request, 'lot') ~= lot then return nil end
redis.call('HSETNX', request, field, value)
return redis.call('HGET', request, field)
`,
)

/**
 * What the first planning attempt found at a file's path: the file's state when it was opened, and
 * its bytes after reading. An attempt after a crash must find the same.
 */
export type SourcePin =
  | { readonly field: 'seen'; readonly value: FileState }
  | { readonly field: 'content'; readonly value: SourceContent }

const seenSchema: z.ZodType<FileState> = z.object({ bytes: z.int(), modifiedAt: z.number() })

function isSame({ field, value }: SourcePin, first: unknown): boolean {
  switch (field) {
    case 'seen': {
      const { bytes, modifiedAt } = seenSchema.parse(first)
      return bytes === value.bytes && modifiedAt === value.modifiedAt
    }
    case 'content':
      return contentSchema.parse(first).sha256 === value.sha256
    default:
      throw new TypeError(`Unknown field ${String(field satisfies never)}`)
  }
}

export function planningVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Opens a planning attempt that stages under `lot`. After a crash the next attempt uses its own
     * lot, and nobody uses the frames of the old lot any more.
     *
     * A request that was accepted before its org had guard rails gets the org's from now on.
     *
     * `lost`: another worker owns the job now. `not-due`: already planned, or terminal. The worker
     * counts as crashed until the plan is recorded or handed back.
     */
    async beginPlanning({
      id,
      lot,
      lock,
    }: {
      id: string
      lot: string
      lock: JobLock
    }): Promise<Begun> {
      const answer = await runScript(ledger, BEGIN_PLANNING, {
        request: keys.request(id),
        lock: keys.lock(lock),
        outbox: keys.outbox,
        live: keys.live,
        settings: keys.settings,
        token: lock.token,
        lot,
        id: id.toLowerCase(),
      })
      const [word, begun, guards] = Array.isArray(answer) ? answer : []
      const kind = oneOf(word, ['begun', 'lost', 'not-due'])
      if (kind !== 'begun') return { kind }
      const crashes = Math.max(0, Number(begun) - 1)
      return { kind, crashes, guards: typeof guards === 'string' ? parseGuardRails(guards) : null }
    },

    /** Records about how many records of the object the org has, for whoever approves the plan. */
    async noteObjectRecords(id: string, lot: string, records: number): Promise<void> {
      const given = { request: keys.request(id), lot, field: 'objectRecords', value: records }
      await runScript(ledger, PIN_SOURCE, given)
    },

    /** Whether the source is as the first attempt found it; `stale`: another attempt is current. */
    async pinSource({
      id,
      lot,
      pin,
    }: {
      id: string
      lot: string
      pin: SourcePin
    }): Promise<'same' | 'other' | 'stale'> {
      const { field, value } = pin
      const given = { request: keys.request(id), lot, field, value: JSON.stringify(value) }
      const json = z
        .string()
        .nullable()
        .parse(await runScript(ledger, PIN_SOURCE, given))
      if (json === null) return 'stale'
      const first: unknown = JSON.parse(json)
      return isSame(pin, first) ? 'same' : 'other'
    },
  }
}
