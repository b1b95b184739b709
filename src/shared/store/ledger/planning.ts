import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type GuardRails, parseGuardRails } from '../../contract/guard-rails.ts'
import type { Preflight } from '../../contract/preflight.ts'
import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { RAILS_FIELD } from './rails.ts'
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

// `keep`: the first attempt's value stays, and later attempts receive it. nil: another attempt is
// current, or nothing was noted.
const NOTE = script(
  'note',
  { keys: ['request'], args: ['lot', 'field', 'how', 'value'] },
  `
if redis.call('HGET', request, 'lot') ~= lot then return nil end
if how == 'keep' then redis.call('HSETNX', request, field, value) end
if how == 'replace' then redis.call('HSET', request, field, value) end
return redis.call('HGET', request, field)
`,
)

/**
 * A note about a source in its request's record. Planning attempts after a crash find it:
 *
 * - `seen`: what tells a changed source before it is read: size and time of a file, an ETag.
 * - `content`: size and SHA-256 of the bytes, known once they are read.
 * - `job`: what a query runs as elsewhere, so that an attempt can go on with it.
 */
type SourceNote = 'seen' | 'content' | 'job'

/** A small, flat object, such as the size and the modification time of a file. */
export type Fingerprint = Readonly<Record<string, string | number | boolean | null>>

const fingerprint: z.ZodType<Fingerprint> = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null()]),
)

/** A note of one planning attempt. */
export interface SourceNoteAt {
  readonly id: string
  /** The lot of the attempt. */
  readonly lot: string
  readonly note: SourceNote
  /** Which of the request's sources; empty if it has only one. */
  readonly member?: string
}

export function planningVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const placeOf = ({ id, lot, note, member = '' }: SourceNoteAt) => ({
    request: keys.request(id),
    lot,
    field: member === '' ? note : `${note}:${member}`,
  })
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
      const given = { request: keys.request(id), lot, field: 'objectRecords' }
      await runScript(ledger, NOTE, { ...given, how: 'keep', value: records })
    },

    /** Records whether the plan's records are in use, as this attempt found it. */
    async notePreflight(id: string, lot: string, preflight: Preflight): Promise<void> {
      const given = { request: keys.request(id), lot, field: 'preflight' }
      await runScript(ledger, NOTE, { ...given, how: 'replace', value: JSON.stringify(preflight) })
    },

    /** Whether the source is as the first attempt found it; `stale`: another attempt is current. */
    async pinSource(
      at: SourceNoteAt & { readonly found: Fingerprint },
    ): Promise<'same' | 'other' | 'stale'> {
      const value = JSON.stringify(at.found)
      const first = await runScript(ledger, NOTE, { ...placeOf(at), how: 'keep', value })
      if (first === null) return 'stale'
      return isDeepStrictEqual(parseFingerprint(first), at.found) ? 'same' : 'other'
    },

    /** Replaces a note. `stale`: another attempt is current, and nothing was written. */
    async saveSource(
      at: SourceNoteAt & { readonly value: Fingerprint },
    ): Promise<'saved' | 'stale'> {
      const value = JSON.stringify(at.value)
      const saved = await runScript(ledger, NOTE, { ...placeOf(at), how: 'replace', value })
      return saved === null ? 'stale' : 'saved'
    },

    /** What was noted; null if nothing was, or another attempt is current. */
    async sourceNote(at: SourceNoteAt): Promise<Fingerprint | null> {
      const json = await runScript(ledger, NOTE, { ...placeOf(at), how: 'read', value: '' })
      return json === null ? null : parseFingerprint(json)
    },
  }
}

const parseFingerprint = (json: unknown): Fingerprint =>
  fingerprint.parse(JSON.parse(z.string().parse(json)))
