import type { RequestView } from '../../producer/producer.ts'
import { type Config, loadConfig } from '../../shared/config/config.ts'
import type { Cli } from '../cli.ts'
import { UsageError } from '../exit.ts'
import { chooseOrg } from '../org.ts'
import { type Entrance, enter, type RedisHere, visitRedis } from '../redis.ts'

/** Where requests are: a Redis, and one org in it. */
export interface OrgHere extends Entrance {
  readonly config: Config
  readonly redis: RedisHere
  readonly org: string
}

/** What a visitor finds; null where this machine never had a request. */
type OrgVisit<T> = (place: OrgHere | null, home: string) => Promise<T>

interface VisitOptions {
  /** As named by `--org`. */
  readonly org?: string
  /** The visit may be long: see `visitRedis`. */
  readonly stays?: boolean
}

/** Opens the configured Redis, or the one of EXPUNGE_HOME, for as long as the visit takes. */
export async function visit<T>(
  { screen }: Cli,
  { org, stays = false }: VisitOptions,
  look: OrgVisit<T>,
): Promise<T> {
  const config = await loadConfig(screen.env, { redis: 'optional', salesforce: 'none' })
  const redis = await visitRedis(config, screen, { stays })
  if (redis === null) return look(null, config.home)
  try {
    const name = chooseOrg(config, org)
    const entrance = await enter(redis, name)
    try {
      return await look({ ...entrance, config, redis, org: name }, config.home)
    } finally {
      await entrance.close()
    }
  } finally {
    await redis.close()
  }
}

/** A visit to a request. @throws UsageError where there is none of that id */
export function visitRequest<T>(
  cli: Cli,
  id: string,
  options: VisitOptions,
  look: (place: OrgHere, view: RequestView) => Promise<T>,
): Promise<T> {
  return visit(cli, options, async (place, home) => {
    const view = place === null ? null : await place.producer.inspect(id, { org: place.org })
    if (place !== null && view !== null) return look(place, view)
    const where =
      place === null
        ? `${home} has never had one, and REDIS_URL is not set`
        : `org "${place.org}" knows none of that id (any more)`
    throw new UsageError(`No request ${id}: ${where}. See \`expunge list\`.`)
  })
}
