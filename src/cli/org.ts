import type { RequestView } from '../producer/producer.ts'
import { type Config, loadConfig, type OrgConfig, orgNameOf } from '../shared/config/config.ts'
import { DEFAULT_ORG } from '../shared/contract/org-name.ts'
import type { RequestRecord } from '../shared/store/ledger/record.ts'
import { ledgersOn } from '../shared/store/ledgers.ts'
import { type OrgStore, openOrgStore } from '../shared/store/org-store.ts'
import { connectRedis, type RedisClient } from '../shared/store/redis/redis.ts'
import { type Cli, UsageError } from './cli.ts'
import { commandFor } from './command-line.ts'
import { attachRedis, type CommandRedis, connectProducer, withAddress } from './redis.ts'

/**
 * An org opened through both interfaces: the producer for requests, and the store for operating the
 * org.
 */
export interface OpenOrg extends Omit<Awaited<ReturnType<typeof openOrg>>, 'close'> {
  readonly config: Config
  readonly redis: CommandRedis
  readonly org: string
}

interface OrgOptions {
  /** As named by `--org`. */
  readonly org?: string
  /** The command may take long: see `attachRedis`. */
  readonly stays?: boolean
}

/**
 * Opens an org in the configured Redis, or in the one of EXPUNGE_HOME, while `act` uses it. The org
 * is null if this machine never had a request.
 */
export async function withOrg<T>(
  { screen }: Cli,
  { org, stays = false }: OrgOptions,
  act: (open: OpenOrg | null, home: string) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(screen.env, { redis: 'optional', salesforce: 'none' })
  const redis = await attachRedis(config, screen, { stays })
  if (redis === null) return act(null, config.home)
  try {
    const name = chooseOrg(config, org)
    return await withAddress(redis, async () => {
      const ledger = redis.embedded
        ? await withClient(redis, (to) => ledgersOn(to).named(name))
        : name
      return withLedger({ config, redis, org: ledger }, (open) => act(open, config.home))
    })
  } finally {
    await redis.close()
  }
}

async function withLedger<T>(
  { config, redis, org }: Pick<OpenOrg, 'config' | 'redis' | 'org'>,
  act: (open: OpenOrg) => Promise<T>,
): Promise<T> {
  const { close, ...opened } = await openOrg(redis, org)
  try {
    return await act({ ...opened, config, redis, org })
  } finally {
    await close()
  }
}

/** The same for one request. @throws UsageError if there is none with that id */
export function withRequest<T>(
  cli: Cli,
  { id, ...options }: OrgOptions & { readonly id: string },
  act: (open: OpenOrg, view: RequestView) => Promise<T>,
): Promise<T> {
  return withOrg(cli, options, async (open, home) => {
    const view = open === null ? null : await findRequest(open, id, options)
    if (open !== null && view !== null) {
      const { org } = view
      return org === open.org
        ? act(open, view)
        : withLedger({ ...open, org }, (other) => act(other, view))
    }
    const where =
      open === null
        ? `${home} has no requests, and REDIS_URL is not set`
        : `org "${open.org}" has no request with that id, or it has expired`
    throw new UsageError(`No request ${id}: ${where}. See \`expunge list\`.`)
  })
}

/** @throws UsageError if the org has no request with that id */
export async function recordOf(id: string, { ledger, org }: OrgStore): Promise<RequestRecord> {
  const record = await ledger.load(id)
  if (record !== null) return record
  throw new UsageError(
    `No request ${id}: org "${org}" has none with that id. See ${commandFor('list', { org })}.`,
  )
}

/**
 * The request in the opened ledger; on an embedded server in the one that has it, unless an org was
 * named. Null if there is none.
 *
 * @throws UsageError if several have one with that id
 */
async function findRequest(
  { producer, redis, store, org }: OpenOrg,
  id: string,
  options: OrgOptions,
): Promise<RequestView | null> {
  if (!redis.embedded || options.org !== undefined) return producer.inspect(id, { org })
  const ledgers = await ledgersOn(store.redis).all()
  const views = await Promise.all(ledgers.map((ledger) => producer.inspect(id, ledger)))
  const [found = null, another] = views.filter((view) => view !== null)
  if (another === undefined) return found
  const having = ledgers.filter((_, at) => views[at] !== null)
  const orgs = having.map((ledger) => `${ledger.org} (${ledger.orgId})`).join(', ')
  throw new UsageError(`Request ${id} is in several orgs: ${orgs}. Name one with --org.`)
}

/**
 * The same for an existing org: a pause under a mistyped name would stop nothing.
 *
 * @throws UsageError if neither the configuration nor Redis knows the org
 */
export function withKnownOrg<T>(
  cli: Cli,
  options: OrgOptions,
  verb: 'pause' | 'show',
  act: (open: OpenOrg) => Promise<T>,
): Promise<T> {
  return withOrg(cli, options, async (open, home) => {
    if (open === null) {
      throw new UsageError(`Nothing to ${verb}: ${home} has no requests, and REDIS_URL is not set.`)
    }
    if (!(await isKnown(open))) {
      const known = [...open.config.orgs.keys()].join(', ')
      throw new UsageError(
        `--org: unknown org ${open.org}. The configuration has ${known}, and Redis has no other.`,
      )
    }
    return act(open)
  })
}

async function isKnown({ config, org, store: { ledger, redis } }: OpenOrg): Promise<boolean> {
  if (config.orgs.has(org)) return true
  const { identity, requests } = ledger.keys
  return (await redis.exists(identity, requests)) > 0
}

/** Uses a temporary connection. */
export async function withClient<T>(
  redis: CommandRedis,
  act: (client: RedisClient) => Promise<T>,
): Promise<T> {
  const client = connectRedis(redis.config, 'fail-fast', () => {})
  try {
    return await act(client)
  } finally {
    client.disconnect()
  }
}

/** @throws RedisUnreachableError saying which server was tried and what failed */
export async function openOrg(redis: CommandRedis, org: string) {
  const producer = await connectProducer(redis)
  const client = connectRedis(redis.config, 'fail-fast', () => {})
  const store = openOrgStore(client, org, () => {})
  return {
    producer,
    store,
    close: async () => {
      await Promise.all([producer.close(), store.close()])
      client.disconnect()
    },
  }
}

/**
 * The chosen org: the named one, else `default`, else the only one.
 *
 * @throws UsageError listing the orgs if the choice is ambiguous
 */
export function chooseOrg({ orgs }: Pick<Config, 'orgs'>, named: string | undefined): string {
  if (named !== undefined) return orgNameOf(named)
  const [only, another] = orgs.keys()
  if (orgs.has(DEFAULT_ORG) || only === undefined) return DEFAULT_ORG
  if (another === undefined) return only
  throw new UsageError(
    `Several orgs are configured. Choose one with --org: ${[...orgs.keys()].join(', ')}.`,
  )
}

/** The settings of an org. @throws UsageError listing the orgs if it is not configured */
export function orgNamed({ orgs }: Pick<Config, 'orgs'>, name: string): OrgConfig {
  const org = orgs.get(name)
  if (org !== undefined) return org
  throw new UsageError(`--org: expected one of ${[...orgs.keys()].join(', ')}, got ${name}.`)
}

/** The name by which the configuration, or the `sf` CLI, knew the org of a ledger last, if any. */
export async function loginNameOf({
  config,
  store,
  org,
}: Pick<OpenOrg, 'config' | 'store' | 'org'>): Promise<string | undefined> {
  const names = await ledgersOn(store.redis).namesOf(org)
  const isAlias = (one: string) => one !== orgNameOf(one)
  return names.find((one) => config.orgs.has(one)) ?? names.find(isAlias) ?? names[0]
}

/** What names the org of a ledger in a command; only on an embedded server may its name mean another. */
export async function namedInCommands(
  { embedded }: Pick<CommandRedis, 'embedded'>,
  { redis, org }: Pick<OrgStore, 'redis' | 'org'>,
): Promise<string> {
  return embedded ? ledgersOn(redis).nameFor(org) : org
}

/**
 * The org to log in to, if `--org` names a ledger of this machine, as printed commands do; the default
 * if no name means it any more. The login is held to the ledger's org.
 */
export async function byLedger<F extends { readonly org?: string }>(
  flags: F,
  cli: Cli,
): Promise<F & { readonly orgId?: string }> {
  const { org: named } = flags
  if (named === undefined) return flags
  return withOrg(cli, { org: named }, async (open) => {
    if (open === null || !open.redis.embedded || open.config.orgs.has(named)) return flags
    const ledgers = await ledgersOn(open.store.redis).all()
    const orgId = ledgers.find(({ org }) => org === open.org)?.orgId ?? null
    const isMeant = open.org === named || orgId?.startsWith(named)
    if (orgId === null || !isMeant) return flags
    return { ...flags, org: (await loginNameOf(open)) ?? chooseOrg(open.config, undefined), orgId }
  })
}

/** An org alone in a configuration, under the name of its ledger. */
export function renamed(config: Config, org: OrgConfig, ledger: string) {
  const own = { ...org, name: ledger }
  return { org: own, config: { ...config, orgs: new Map([[ledger, own]]) } }
}
