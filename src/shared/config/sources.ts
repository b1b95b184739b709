import type { ConfigProblem } from '../base/errors.ts'
import type { BucketSettings } from '../bucket/settings.ts'
import type { ProxyEnv } from '../salesforce/connections.ts'
import { readBuckets } from './buckets.ts'
import type { YamlSection } from './config-file.ts'
import { readOrigins, type SourceOrigin } from './origins.ts'
import { type PostgresConnection, readConnections } from './postgres.ts'
import { SETTINGS } from './schema.ts'
import { Settings, type Values } from './settings.ts'

/** What sources need beyond a request, which names an entry but never holds a credential. */
export interface SourcesConfig extends Values<(typeof SETTINGS)['sources']> {
  /** Servers of `http` sources by origin, such as `https://files.example.com`. */
  readonly origins: ReadonlyMap<string, SourceOrigin>
  /** Buckets of `s3` sources, by the name that requests use. */
  readonly buckets: ReadonlyMap<string, BucketSettings>
  /** Databases of `postgres` sources, by the name that requests use. */
  readonly connections: ReadonlyMap<string, PostgresConnection>
  /** The proxy to buckets. */
  readonly proxyEnv?: ProxyEnv
}

/**
 * @param section `sources` of the configuration file
 * @param isUsed whether this process opens sources; only then are their secrets read
 */
export async function readSources(
  section: YamlSection,
  isUsed: boolean,
  problems: ConfigProblem[],
): Promise<SourcesConfig> {
  return {
    ...new Settings(SETTINGS.sources, [section], problems).all(),
    origins: await readOrigins(section.section('origins'), isUsed, problems),
    buckets: await readBuckets(section.section('buckets'), problems),
    connections: await readConnections(section.section('connections'), isUsed, problems),
  }
}
