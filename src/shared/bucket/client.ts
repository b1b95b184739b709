import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { ConfigError } from '../base/errors.ts'
import { readSecretFile, whyUnreadable } from '../base/text-file.ts'
import { createAgents, type ProxyEnv } from '../salesforce/connections.ts'
import type { BucketSettings } from './settings.ts'

/** 124 ms to load (measured), so it is loaded by those who use a bucket. */
const loadSdk = () => import('@aws-sdk/client-s3')

export interface ClientOptions {
  readonly proxyEnv?: ProxyEnv | undefined
  /** How often a call is sent at most. The SDK repeats network faults, 5xx and throttling. */
  readonly attempts?: number | undefined
  /** Ends every call, besides the signal of its own. */
  readonly signal?: AbortSignal | undefined
}

const CONNECT_MS = 15_000
/** Without a byte in either direction. */
const IDLE_MS = 60_000

interface Client {
  readonly sdk: Awaited<ReturnType<typeof loadSdk>>
  readonly s3: S3Client
  close(): void
}

export async function createClient(
  { endpoint, region, pathStyle, key }: BucketSettings,
  { proxyEnv, attempts = 4 }: ClientOptions,
): Promise<Client> {
  const sdk = await loadSdk()
  const agents = createAgents(CONNECT_MS, proxyEnv)
  // Amazon's hosts are https, and NO_PROXY may exempt them by their common end.
  const { http, https } = agents.for(new URL(endpoint ?? 'https://s3.amazonaws.com'))
  const config: S3ClientConfig = {
    forcePathStyle: pathStyle,
    maxAttempts: attempts,
    // Since 2025 the SDK adds a CRC32 to every request unless told otherwise. Many S3-compatible
    // servers refuse that (501, or `aws-chunked encoding is not supported`). Signatures cover the body
    // anyway, and Expunge compares sizes, ETags and SHA-256 itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      httpAgent: http,
      httpsAgent: https,
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
    },
    ...(endpoint !== null && { endpoint }),
    // A server of one's own usually has no regions, but signatures need one.
    ...(region !== null ? { region } : endpoint !== null && { region: 'us-east-1' }),
    ...(key !== null && { credentials: () => readKey(key) }),
  }
  const s3 = new sdk.S3Client(config)
  const close = () => {
    s3.destroy()
    agents.close()
  }
  return { sdk, s3, close }
}

type BucketKey = NonNullable<BucketSettings['key']>

/** Due for renewal at once: otherwise the SDK would keep the key for as long as the client lives. */
async function readKey({ accessKeyId, secretAccessKey }: BucketKey) {
  return {
    expiration: new Date(),
    accessKeyId: await readPart(accessKeyId),
    secretAccessKey: await readPart(secretAccessKey),
  }
}

async function readPart(part: BucketKey['accessKeyId']): Promise<string> {
  if (typeof part === 'string') return part
  const { path, setting } = part
  const text = await readSecretFile(path).catch((error: unknown) => {
    throw new ConfigError([{ setting, message: `the file ${path} ${whyUnreadable(error)}.` }])
  })
  if (text !== '') return text
  throw new ConfigError([{ setting, message: `the file ${path} is empty.` }])
}
