import type { LedgerConnection } from './connection.ts'
import { decisionVerbs } from './decisions.ts'
import { departureVerbs } from './departures.ts'
import { filingVerbs } from './filing.ts'
import { gatherVerbs } from './gather.ts'
import { ingestOrderVerbs } from './ingest-order.ts'
import type { OrgKeys } from './keys.ts'
import { objectVerbs } from './objects.ts'
import { outboxVerbs } from './outbox.ts'
import { pauseState, pauseVerbs } from './pause.ts'
import { faultVerbs } from './pause-fault.ts'
import { plannedVerb } from './planned.ts'
import { planningVerbs } from './planning.ts'
import { priorityVerb } from './priority.ts'
import { railsVerbs } from './rails.ts'
import { readingVerbs } from './read.ts'
import { outcomeVerbs } from './record-outcome.ts'
import { endVerbs } from './settle.ts'
import { startVerbs } from './starts.ts'
import { turnVerbs } from './turns.ts'

/**
 * The ledger of one org's requests: what was asked, planned, sent and answered. It is the source of
 * truth; BullMQ's jobs are only work orders. Every change is one Lua script, atomic and safe to
 * repeat. Requests are entered by `OrgStore.enter`. Every verb throws LedgerReplacedError if the
 * keys hold another ledger than the one that was opened.
 */
export type Ledger = ReturnType<typeof createLedger>

export function createLedger(connection: LedgerConnection, keys: OrgKeys) {
  return {
    keys,
    ...planningVerbs(connection, keys),
    ...plannedVerb(connection, keys),
    ...decisionVerbs(connection, keys),
    ...ingestOrderVerbs(connection, keys),
    ...gatherVerbs(connection, keys),
    ...departureVerbs(connection, keys),
    ...startVerbs(connection, keys),
    ...turnVerbs(connection, keys),
    ...priorityVerb(connection, keys),
    ...outcomeVerbs(connection, keys),
    ...endVerbs(connection, keys),
    ...filingVerbs(connection, keys),
    ...readingVerbs(connection, keys),
    ...pauseVerbs(connection, keys),
    ...faultVerbs(connection, keys),
    ...outboxVerbs(connection, keys),
    ...railsVerbs(connection, keys),
    ...objectVerbs(connection, keys),
    pauseState: () => pauseState(connection.redis, keys),
    /** The ledger's identity; null if it has none yet. */
    identity: () => connection.verify(),
    /** The id (00D…) of the org that this ledger belongs to; null before the first login. */
    orgId: async () => (await connection.verify())?.orgId ?? null,
  }
}
