import { z } from 'zod'
import { orgKeys } from './ledger/keys.ts'
import type { RedisClient } from './redis/redis.ts'

/**
 * The ledgers in the embedded server of one machine. There a ledger belongs to the Salesforce org,
 * not to a name: `default` may be a sandbox today and production tomorrow, and each has its own
 * ledger. (In a Redis that processes share, a name belongs to one org permanently.)
 */

interface LedgerOnServer {
  /** Its name: `org` in requests, receipts and keys. */
  readonly org: string
  /** 18 characters; null before the first login. */
  readonly orgId: string | null
}

/** Hash, only in an embedded server: an org's name in the configuration → its ledger, last time. */
const NAMES = '{expunge}:names'

/** Only for an embedded server, which has few keys. */
export const ledgersOn = (redis: RedisClient) => ({
  /** All ledgers of the server, by name. */
  all: () => allLedgers(redis),
  /**
   * The ledger of a Salesforce org: the one that belongs to it, else a new one, named as the org is
   * in the configuration, or by the org's id if that name is another org's.
   */
  async ofOrg({ name, alias, orgId }: LoggedIn): Promise<string> {
    const ledgers = await allLedgers(redis)
    const own = ledgers.filter((ledger) => ledger.orgId === orgId)
    const named = ledgers.find(({ org }) => org === name)
    const isFree = named === undefined || named.orgId === null || named.orgId === orgId
    const ledger = (isFree && named?.org) || own[0]?.org || (isFree ? name : orgId)
    await redis.hset(NAMES, { [name]: ledger, [alias]: ledger })
    return ledger
  },
  /** The ledger that a name or an org id means: the one that the name had last. */
  async named(name: string): Promise<string> {
    const known = await redis.hget(NAMES, name)
    if (known !== null) return known
    const ledgers = await allLedgers(redis)
    const isMeant = ({ org, orgId }: LedgerOnServer) =>
      org === name || orgId === name || orgId?.slice(0, 15) === name
    return ledgers.find(isMeant)?.org ?? name
  },
  /** A name that means this ledger: its own, else its org's id, if its own means another one now. */
  async nameFor(ledger: string): Promise<string> {
    const meant = await redis.hget(NAMES, ledger)
    if (meant === null || meant === ledger) return ledger
    return (await redis.hget(orgKeys(ledger).identity, 'orgId')) ?? ledger
  },
  /** The names in the configuration that had this ledger last. */
  async namesOf(ledger: string): Promise<readonly string[]> {
    const names = z.record(z.string(), z.string()).parse(await redis.hgetall(NAMES))
    return Object.keys(names).filter((name) => names[name] === ledger)
  },
})

interface LoggedIn {
  /** The org's name in the configuration. */
  readonly name: string
  /** How the `sf` CLI calls it; else the name again. */
  readonly alias: string
  readonly orgId: string
}

async function allLedgers(redis: RedisClient): Promise<readonly LedgerOnServer[]> {
  const [before = '', after = ''] = orgKeys('*').identity.split('*')
  const keys = await redis.keys(`${before}*${after}`)
  const ledgers = keys.map(async (key) => {
    const org = key.slice(before.length, -after.length)
    return { org, orgId: await redis.hget(key, 'orgId') }
  })
  return (await Promise.all(ledgers)).sort((a, b) => (a.org < b.org ? -1 : 1))
}
