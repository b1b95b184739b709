import { z } from 'zod'
import { type GuardRails, parseGuardRails } from '../../contract/guard-rails.ts'
import type { Signature, SignedAct } from '../../contract/receipt.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'
import { parseSignedAct, SIGN, signatureArgs } from './signed.ts'

/** The org's guard rails, among the settings that all its processes share. */

/** The settings field that holds them; a record's copy is in its field `guards`. */
export const RAILS_FIELD = 'rails'

export interface OrgRails {
  readonly rails: GuardRails
  /** Who last set them by hand; null if only workers did. */
  readonly setBy: SignedAct | null
  /** The stored text. */
  readonly json: string
}

const CHANGE = script(
  'change-rails',
  { keys: ['settings'], args: ['from', 'to', 'actor', 'reason'] },
  `${SIGN}
if (redis.call('HGET', settings, '${RAILS_FIELD}') or '') ~= from then return 'other' end
redis.call('HSET', settings, '${RAILS_FIELD}', to)
if actor ~= '' then
  redis.call('HDEL', settings, 'railsSetBy')
  sign(settings, 'railsSetBy', actor, reason)
end
return 'changed'
`,
)

type RailsChange = {
  /** The value that the caller read; null if there was none. */
  readonly from: OrgRails | null
  readonly to: GuardRails
  /** Who sets them by hand. */
  readonly by?: Signature
}

const wantedSchema = z.object({ deletedFile: z.boolean().default(false) })

/** Whether every deleted id is listed: a request may ask for that where the org does not. */
export function keepsDeleted(
  record: {
    readonly request: z.output<typeof wantedSchema>
    readonly guards: Pick<GuardRails, 'keepDeleted'> | null
  },
  rails: Pick<GuardRails, 'keepDeleted'>,
): boolean {
  return record.request.deletedFile || (record.guards ?? rails).keepDeleted
}

export function railsVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  const { settings } = keys
  return {
    /** Null if no process with a configuration has worked for the org yet. */
    async rails(): Promise<OrgRails | null> {
      const [json, setBy] = await ledger.verified(redis.hmget(settings, RAILS_FIELD, 'railsSetBy'))
      if (json === null || json === undefined) return null
      return { rails: parseGuardRails(json), setBy: parseSignedAct(setBy ?? undefined), json }
    },

    /** `other`: they changed since they were read. Requests accepted before keep theirs. */
    async changeRails({ from, to, by }: RailsChange): Promise<'changed' | 'other'> {
      const answer = await runScript(ledger, CHANGE, {
        settings,
        from: from?.json ?? '',
        to: JSON.stringify(to),
        ...signatureArgs(by),
      })
      return oneOf(answer, ['changed', 'other'])
    },

    /** Those of these requests whose deleted ids are to be listed. */
    async keepsDeleted(
      ids: readonly string[],
      rails: Pick<GuardRails, 'keepDeleted'>,
    ): Promise<ReadonlySet<string>> {
      const reading = ids.map((id) => redis.hmget(keys.request(id), 'request', 'guards'))
      const records = await ledger.verified(Promise.all(reading))
      const keeping = ids.filter((_, index) => {
        const [request, guards] = records[index] ?? []
        const record = {
          request: wantedSchema.parse(JSON.parse(request ?? '{}')),
          guards: guards ? parseGuardRails(guards) : null,
        }
        return keepsDeleted(record, rails)
      })
      return new Set(keeping)
    },
  }
}
