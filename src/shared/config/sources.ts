import type { ConfigProblem } from '../base/errors.ts'
import type { BucketSettings } from '../bucket/settings.ts'
import type { ProxyEnv } from '../salesforce/connections.ts'
import { readBuckets } from './buckets.ts'
import type { YamlSection } from './config-file.ts'
import { type PostgresConnection, readConnections } from './postgres.ts'

/** What sources need beyond a request, which names an entry but never holds a credential. */
export interface SourcesConfig {
  /** Servers of `http` sources by origin, such as `https://files.example.com`. */
  readonly origins: ReadonlyMap<string, Named>
  /** Buckets of `s3` sources, by the name that requests use. */
  readonly buckets: ReadonlyMap<string, BucketSettings>
  /** Databases of `postgres` sources, by the name that requests use. */
  readonly connections: ReadonlyMap<string, PostgresConnection>
  /** The proxy to buckets. */
  readonly proxyEnv?: ProxyEnv
}

interface Named {
  readonly name: string
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
    origins: readEach(section.section('origins')),
    buckets: await readBuckets(section.section('buckets'), problems),
    connections: await readConnections(section.section('connections'), isUsed, problems),
  }
}

const readEach = (section: YamlSection): ReadonlyMap<string, Named> =>
  new Map(section.sections().map(([name]) => [name, { name }]))
