import type { ConfigProblem } from '../base/errors.ts'
import type { SecretFile } from '../base/text-file.ts'
import type { BucketSettings } from '../bucket/settings.ts'
import { CONFIGURED_NAME } from '../contract/sources/kind.ts'
import type { YamlSection } from './config-file.ts'
import { SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

/**
 * Buckets by the name that requests use. Files with keys are read when a bucket is used, because not
 * every process that shares the file may read them.
 */
export async function readBuckets(
  section: YamlSection,
  problems: ConfigProblem[],
): Promise<ReadonlyMap<string, BucketSettings>> {
  const buckets = section
    .sections()
    .map(([name, own]) => readBucket(name, section.nameOf(name), own, problems))
  return new Map((await Promise.all(buckets)).map((bucket) => [bucket.name, bucket]))
}

async function readBucket(
  name: string,
  named: string,
  section: YamlSection,
  problems: ConfigProblem[],
): Promise<BucketSettings> {
  const settings = new Settings(SETTINGS.bucket, [section], problems)
  if (!CONFIGURED_NAME.test(name)) {
    settings.refuse(named, 'expected 1 to 64 letters, digits, "_", "." or "-" as a name.')
  }
  const endpoint = settings.get('endpoint') ?? null
  const pathStyle = settings.get('pathStyle')
  return {
    name,
    bucket: settings.get('bucket') ?? name,
    region: settings.get('region') ?? null,
    endpoint,
    // Servers of one's own rarely have a host name for each bucket.
    pathStyle: pathStyle === undefined ? endpoint !== null : pathStyle === 'true',
    key: await readKey(settings),
  }
}

type BucketSection = Settings<typeof SETTINGS.bucket>

async function readKey(settings: BucketSection): Promise<BucketSettings['key']> {
  const accessKeyId = await readPart(settings, 'accessKeyId')
  const secretAccessKey = await readPart(settings, 'secretAccessKey')
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey }
  }
  const [given] = settings.namesOf('accessKeyId', 'secretAccessKey')
  const missing = accessKeyId === undefined ? 'accessKeyId' : 'secretAccessKey'
  if (given !== undefined && settings.namesOf(missing).length === 0) {
    settings.refuse(
      settings.nameOf(missing),
      "missing; set accessKeyId and secretAccessKey, or neither for AWS's own credentials.",
    )
  }
  return null
}

async function readPart(
  settings: BucketSection,
  key: 'accessKeyId' | 'secretAccessKey',
): Promise<string | SecretFile | undefined> {
  const file = settings.secretFile(key)
  const isGivenOnce = settings.namesOf(key).length === 1
  return file !== undefined && isGivenOnce ? file : settings.secret(key)
}
