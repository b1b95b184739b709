import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { z } from 'zod'
import { ConfigError } from '../base/errors.ts'
import { redisUrlProblem } from '../base/redis-url.ts'
import { BUCKET_NAME } from '../bucket/settings.ts'
import { canonicalId, to18 } from '../contract/record-id.ts'
import { DEFAULT_TIMEOUTS } from '../salesforce/connections.ts'
import { assertHttps, isRsaKey, isToken } from '../salesforce/credentials.ts'
import { SF_ORG } from '../salesforce/sf-cli.ts'
import { field, type ValueForm } from './fields.ts'
import { ALLOWANCE, HOST, hostAndPort, URL_PATTERN } from './network.ts'
import { RESULTS_PATH } from './results.ts'
import { variablesOf } from './settings.ts'

/**
 * Every setting: its form, its default, and its environment variable. Keys are those of the
 * configuration file.
 */

const MIB = 1024 * 1024

/** As pino has them; commands that log nothing do not load it. */
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const SERVICE = {
  home: field.path().optional().meta({ variable: 'EXPUNGE_HOME' }),
  logLevel: field.choice(LOG_LEVELS).default('info').meta({ variable: 'LOG_LEVEL' }),
  /** Maximum plans at once in one worker. */
  maxPlans: field.wholeNumber(1, 64).default(4).meta({ variable: 'EXPUNGE_MAX_PLANS' }),
  /** Bytes that deduplication may take in one plan. */
  maxPlanMemory: field.wholeNumber(MIB).default(512 * MIB),
  /** How many hours the plan of a dry run can be applied; 0: never. */
  planHours: field.wholeNumber(0, 720).default(24).meta({ variable: 'EXPUNGE_PLAN_HOURS' }),
  /** How long records and files of ended requests are kept. */
  retentionDays: field
    .wholeNumber(1, 3650)
    .default(30)
    .meta({ variable: 'EXPUNGE_RETENTION_DAYS' }),
  /** How long after that their ids are remembered, so that none is run again. */
  idempotencyDays: field
    .wholeNumber(0, 3650)
    .default(400)
    .meta({ variable: 'EXPUNGE_IDEMPOTENCY_DAYS' }),
}

const RESULTS = {
  path: field.value(RESULTS_PATH).optional().meta({ path: true, variable: 'EXPUNGE_RESULTS' }),
  deleted: field.flag(false),
}

/** Absolute directories that the `file` source may read; empty turns the source off. */
const FILES = { roots: z.array(field.path()).default([]) }

const SOURCES = {
  /** Whether requests may name any https URL of the public internet, not only listed origins. */
  publicUrls: field.flag(false),
  /** Bytes of one download or object of a bucket, as stored and as decompressed. */
  maxBytes: field.wholeNumber(1).default(4096 * MIB),
}

/** Port 0 means any free port. */
const listen = (port: number, variables: `EXPUNGE_${string}`) => ({
  host: field
    .value(HOST)
    .default('127.0.0.1')
    .meta({ variable: `${variables}_HOST` }),
  port: field
    .wholeNumber(0, 65_535)
    .default(port)
    .meta({ variable: `${variables}_PORT` }),
})

/**
 * `keys`: absolute path of the file with the API keys; null: no keys, so only loopback is allowed.
 */
const HTTP = { ...listen(8080, 'EXPUNGE_HTTP'), keys: field.path().nullable().default(null) }

const METRICS = listen(9464, 'EXPUNGE_METRICS')

/** Milliseconds, shared by all workers: how soon others take over a dead worker's jobs. */
const WORKER = {
  lockMs: field.wholeNumber(1000, 600_000).default(10_000),
  stalledMs: field.wholeNumber(1000, 600_000).default(5000),
  /** Delay before rows with a transient error are first retried. */
  resendMs: field.wholeNumber(0, 600_000).default(5000),
}

/** When small requests share an ingest job; the same for all workers of an org. */
const COALESCE = {
  /** Requests with fewer records share; 0: none does. */
  below: field.wholeNumber(0, 10_000).default(2000).meta({ variable: 'EXPUNGE_COALESCE_BELOW' }),
  /** Records that are enough for a job. */
  fill: field.wholeNumber(1, 100_000).default(10_000).meta({ variable: 'EXPUNGE_COALESCE_FILL' }),
  /** How long the first may wait for others. */
  waitMs: field
    .wholeNumber(0, 3_600_000)
    .default(30_000)
    .meta({ variable: 'EXPUNGE_COALESCE_WAIT_MS' }),
  /** The same for priority `high`. */
  highWaitMs: field
    .wholeNumber(0, 3_600_000)
    .default(2000)
    .meta({ variable: 'EXPUNGE_COALESCE_HIGH_WAIT_MS' }),
}

/** Each URL, socket, Sentinel or cluster names a Redis; the rest says how to treat it. */
const REDIS = {
  url: field
    .secret()
    .unwrap()
    .pipe(
      field.checked((url, refuse) => {
        const problem = redisUrlProblem(url)
        return problem === null ? url : refuse(problem)
      }),
    )
    .optional()
    .meta({ secret: true, variable: 'REDIS_URL' }),
  socket: field.path().optional(),
  volatile: field.flag(false),
  replicas: field.wholeNumber(0, 10).default(0),
}

const REDIS_LOGIN = {
  username: field.text().optional(),
  password: field.secret(),
  tls: field.flag(false),
}

const CLUSTER = { nodes: field.listOf(hostAndPort(6379)), ...REDIS_LOGIN }

const SENTINEL = {
  sentinelPassword: field.secret(),
  nodes: field.listOf(hostAndPort(26_379)),
  name: field.text().default('mymaster'),
  ...REDIS_LOGIN,
  sentinelTls: field.flag(true),
}

const CERTIFICATES: ValueForm<string> = {
  expected: 'one certificate or more, as PEM',
  parse: (pem) => {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
    return blocks.length > 0 && blocks.every(isCertificate) ? pem : undefined
  },
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    return false
  }
}

/** Whether TLS accepts these parts and they match each other. */
export function isUsable(parts: SecureContextOptions): boolean {
  try {
    createSecureContext(parts)
    return true
  } catch {
    return false
  }
}

const REDIS_TLS = {
  ca: field.secret(CERTIFICATES).meta({ variable: 'REDIS_TLS_CA' }),
  cert: field.secret(CERTIFICATES).meta({ variable: 'REDIS_TLS_CERT' }),
  key: field
    .secret({
      expected: 'a private key as PEM, without passphrase',
      parse: (pem) => (isUsable({ key: pem }) ? pem : undefined),
    })
    .meta({ variable: 'REDIS_TLS_KEY' }),
  servername: field.value(HOST).optional().meta({ variable: 'REDIS_TLS_SERVERNAME' }),
}

const ENDPOINT = field
  .value({
    expected:
      'an http:// or https:// URL without user, password, query and fragment; what authenticates goes into OTEL_EXPORTER_OTLP_HEADERS',
    hidden: true,
    parse: (given) => {
      const url = URL.parse(given)
      const isPlain =
        url !== null && `${url.username}${url.password}${url.search}${url.hash}` === ''
      return isPlain && /^https?:$/.test(url.protocol) ? url : undefined
    },
  })
  .optional()

const PROTOCOL = field
  .value({
    expected: 'http/protobuf, the one protocol that Expunge speaks (port 4318 of most collectors)',
    parse: (given) => (given === 'http/protobuf' ? given : undefined),
  })
  .optional()

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/** OpenTelemetry's own variables, so that one setting serves every service of a platform. */
const TRACING = {
  disabled: field.text().optional().meta({ variable: 'OTEL_SDK_DISABLED' }),
  exporter: field
    .value({
      expected: 'otlp or none',
      parse: (given) => ['otlp', 'none'].find((one) => one === given.trim().toLowerCase()),
    })
    .optional()
    .meta({ variable: 'OTEL_TRACES_EXPORTER' }),
  endpoint: ENDPOINT.meta({ variable: 'OTEL_EXPORTER_OTLP_ENDPOINT' }),
  tracesEndpoint: ENDPOINT.meta({ variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' }),
  protocol: PROTOCOL.meta({ variable: 'OTEL_EXPORTER_OTLP_PROTOCOL' }),
  tracesProtocol: PROTOCOL.meta({ variable: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL' }),
  sampler: field
    .choice(SAMPLERS)
    .default('parentbased_always_on')
    .meta({ variable: 'OTEL_TRACES_SAMPLER' }),
  samplerRatio: field
    .value({
      expected: 'a number from 0 to 1',
      parse: (given) => {
        const ratio = /^\d*\.?\d+$/.test(given) ? Number(given) : Number.NaN
        return ratio >= 0 && ratio <= 1 ? ratio : undefined
      },
    })
    .default(1)
    .meta({ variable: 'OTEL_TRACES_SAMPLER_ARG' }),
}

/** The header `Id` and one row of 18 characters, each with LF. */
const SMALLEST_JOB = 22
/** Salesforce accepts 150 MB after base64 (Bulk API 2.0: Upload Job Data). */
const LARGEST_JOB = 100_000_000

/** Limits of one org, or of all. */
const LIMITS = {
  /** Bytes of one ingest job's CSV. */
  maxJobBytes: field
    .wholeNumber(SMALLEST_JOB, LARGEST_JOB)
    .default(LARGEST_JOB)
    .meta({ variable: 'EXPUNGE_MAX_JOB_BYTES' }),
  /** Records of one ingest job; null for as many as its bytes hold. */
  maxJobRecords: field
    .wholeNumber(1)
    .nullable()
    .default(null)
    .meta({ variable: 'EXPUNGE_MAX_JOB_RECORDS' }),
  /** Ingest jobs at once, over all workers. */
  maxInFlight: field.wholeNumber(1, 500).default(10).meta({ variable: 'EXPUNGE_MAX_IN_FLIGHT' }),
  /** Additional ones for priority `high` only. */
  urgentInFlight: field
    .wholeNumber(1, 500)
    .default(2)
    .meta({ variable: 'EXPUNGE_URGENT_IN_FLIGHT' }),
  /** Records of one request. */
  maxRecords: field.wholeNumber(1).default(1_000_000).meta({ variable: 'EXPUNGE_MAX_RECORDS' }),
  /** Plans with more records wait for approval, whatever the request says; null for never. */
  approvalAbove: field.wholeNumber(0).nullable().default(null),
  /** Maximum records of a large plan's canary; 0 for no canary. */
  canary: field.wholeNumber(0).default(10_000).meta({ variable: 'EXPUNGE_CANARY' }),
}

/**
 * Percent of the daily allowances that priority `normal` leaves to other users of the org; `low`
 * leaves twice as much.
 */
const QUOTA_RESERVE = {
  calls: field.wholeNumber(0, 40).default(20).meta({ variable: 'EXPUNGE_QUOTA_RESERVE_CALLS' }),
  batches: field.wholeNumber(0, 40).default(10).meta({ variable: 'EXPUNGE_QUOTA_RESERVE_BATCHES' }),
}

const ORG = { hardDelete: field.flag(false) }

const milliseconds = () => field.wholeNumber(1000, 3_600_000)

const TIMEOUTS = {
  connectMs: milliseconds().default(DEFAULT_TIMEOUTS.connect),
  responseMs: milliseconds().default(DEFAULT_TIMEOUTS.response),
  idleMs: milliseconds().default(DEFAULT_TIMEOUTS.idle),
}

const httpsUrl = () =>
  field.checked<URL>((given, refuse) => {
    try {
      return assertHttps(given)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.problems.map(({ message }) => refuse(message))[0]
    }
  })

/** A host that a token may be sent to, such as `https://acme.my.salesforce.com`. */
const salesforceHost = () =>
  httpsUrl().pipe(
    z.transform((url: URL, context) => {
      const { hostname, origin, pathname, search } = url
      if (hostname.endsWith('.lightning.force.com')) {
        context.addIssue(`expected https://<My Domain>.my.salesforce.com, got ${origin}.`)
      } else if (pathname !== '/' || search !== '') {
        context.addIssue(`expected ${origin} alone, got a path too.`)
      }
      return origin
    }),
  )

const SALESFORCE = {
  loginUrl: salesforceHost().optional().meta({ variable: 'SALESFORCE_LOGIN_URL' }),
  clientId: field.text().optional().meta({ variable: 'SALESFORCE_CLIENT_ID' }),
  clientSecret: field.secret().meta({ variable: 'SALESFORCE_CLIENT_SECRET' }),
  username: field.text().optional().meta({ variable: 'SALESFORCE_USERNAME' }),
  jwtKey: field
    .secret({
      expected: 'an RSA private key of 2048 bits or more, as PEM without passphrase',
      parse: (pem) => (isRsaKey(pem) ? pem : undefined),
    })
    .meta({ variable: 'SALESFORCE_JWT_KEY' }),
  /** An Experience Cloud site has a path, and a trailing slash would make it another audience. */
  jwtAudience: httpsUrl()
    .transform(({ href }) => href.replace(/\/$/, ''))
    .optional()
    .meta({ variable: 'SALESFORCE_JWT_AUDIENCE' }),
  instanceUrl: salesforceHost().optional().meta({ variable: 'SALESFORCE_INSTANCE_URL' }),
  accessToken: field
    .secret({
      expected: 'one line of text without spaces',
      parse: (token) => (isToken(token) ? token : undefined),
    })
    .meta({ variable: 'SALESFORCE_ACCESS_TOKEN' }),
  /** Set only in the file. */
  targetOrg: field
    .value({
      expected: 'an alias or username of the sf CLI: letters, digits and . _ @ + -',
      parse: (given) => (SF_ORG.test(given) ? given : undefined),
    })
    .optional(),
  orgId: field
    .value({
      expected: "an org's id, 15 or 18 characters that begin with 00D",
      parse: (given) => {
        const id = given.startsWith('00D') ? canonicalId(given) : undefined
        return id && to18(id)
      },
    })
    .optional()
    .meta({ variable: 'SALESFORCE_ORG_ID' }),
  apiVersion: field
    .value({
      expected: 'a version of the API from 41.0 on, where Bulk API 2.0 began',
      parse: (given) => {
        const [, number] = /^(\d{2,3})(?:\.0)?$/.exec(given) ?? []
        return Number(number) >= 41 ? `${number}.0` : undefined
      },
    })
    .default('61.0')
    .meta({ variable: 'SALESFORCE_API_VERSION' }),
}

const OBJECT = {
  prefix: field
    .value({
      expected: 'the three letters or digits that begin every id of the object',
      parse: (given) => (/^[0-9A-Za-z]{3}$/.test(given) ? given : undefined),
    })
    .optional(),
}

const CALLBACKS = {
  allow: field.listOf(ALLOWANCE).default([]),
  timeoutMs: field.wholeNumber(100, 60_000).default(10_000),
}

const RECEIVER = { url: field.value(URL_PATTERN), secretsFile: field.path().optional() }

const BUCKET = {
  /** Default: the name under which it is configured. */
  bucket: field
    .value({
      expected: "a bucket's name: letters, digits and . _ -",
      parse: (given) => (BUCKET_NAME.test(given) ? given : undefined),
    })
    .optional(),
  region: field
    .value({
      expected: 'a region such as eu-central-1',
      parse: (given) => (/^[a-z0-9-]{1,40}$/.test(given) ? given : undefined),
    })
    .optional(),
  endpoint: field
    .value({
      expected:
        'an http:// or https:// URL without user, path, query and fragment; keys go into accessKeyId and secretAccessKey',
      hidden: true,
      parse: (given) => {
        const url = URL.parse(given)
        const isPlain = url !== null && [url.origin, `${url.origin}/`].includes(given)
        return isPlain && /^https?:$/.test(url.protocol) ? url.origin : undefined
      },
    })
    .optional(),
  pathStyle: field.choice(['true', 'false']).optional(),
  accessKeyId: field.secret(),
  secretAccessKey: field.secret(),
}

/** A database of `postgres` sources. */
const CONNECTION = {
  url: field.secret(),
  ca: field.secret(CERTIFICATES),
  connectMs: field.wholeNumber(1000, 600_000).default(10_000),
  /** A query over a warehouse may sort for minutes before its first row. */
  queryMs: field.wholeNumber(1000, 86_400_000).default(1_800_000),
}

/** All settings by section. */
export const SETTINGS = {
  service: SERVICE,
  results: RESULTS,
  http: HTTP,
  metrics: METRICS,
  redis: REDIS,
  redisTls: REDIS_TLS,
  tracing: TRACING,
  limits: LIMITS,
  quotaReserve: QUOTA_RESERVE,
  salesforce: SALESFORCE,
  files: FILES,
  sources: SOURCES,
  worker: WORKER,
  coalesce: COALESCE,
  cluster: CLUSTER,
  sentinel: SENTINEL,
  org: ORG,
  timeouts: TIMEOUTS,
  object: OBJECT,
  callbacks: CALLBACKS,
  receiver: RECEIVER,
  bucket: BUCKET,
  connection: CONNECTION,
}

export const CONFIG_VARIABLE = 'EXPUNGE_CONFIG'

/** Names of every variable that Expunge reads. */
export const KNOWN_VARIABLES: readonly string[] = [
  CONFIG_VARIABLE,
  ...Object.values(SETTINGS).flatMap((fields) => [...variablesOf(fields).values()]),
]
