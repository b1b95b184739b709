import type { Producer } from '../../producer/producer.ts'
import { loadConfig } from '../../shared/config.ts'
import type { Cli } from '../cli.ts'
import { chooseOrg } from '../org.ts'
import { connectProducer, visitRedis } from '../redis.ts'

/** What a command that only looks has to look at; null where this machine never had a request. */
export type Visit<T> = (
  place: { producer: Producer; org: string } | null,
  home: string,
) => Promise<T>

/** Opens the configured Redis, or the one of EXPUNGE_HOME, for as long as the visit takes. */
export async function visit<T>(cli: Cli, org: string | undefined, look: Visit<T>): Promise<T> {
  const config = await loadConfig(cli.screen.env, { redis: 'optional', salesforce: 'none' })
  const redis = await visitRedis(config, cli.screen)
  if (redis === null) return look(null, config.home)
  try {
    const producer = await connectProducer(redis)
    try {
      return await look({ producer, org: chooseOrg(config, org) }, config.home)
    } finally {
      await producer.close()
    }
  } finally {
    await redis.close()
  }
}
