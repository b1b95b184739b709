import type { Setting, SettingSource } from './source.ts'
import { suggest } from './suggestion.ts'

/** Environment variables as they are handed in; nothing here reads the process. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Every variable, by what it belongs to and by its key in the configuration file. */
const VARIABLES = {
  service: {
    home: 'EXPUNGE_HOME',
    logLevel: 'LOG_LEVEL',
    maxPlans: 'EXPUNGE_MAX_PLANS',
    retentionDays: 'EXPUNGE_RETENTION_DAYS',
    idempotencyDays: 'EXPUNGE_IDEMPOTENCY_DAYS',
  },
  results: { path: 'EXPUNGE_RESULTS' },
  http: { host: 'EXPUNGE_HTTP_HOST', port: 'EXPUNGE_HTTP_PORT' },
  metrics: { host: 'EXPUNGE_METRICS_HOST', port: 'EXPUNGE_METRICS_PORT' },
  redis: { url: 'REDIS_URL', urlFile: 'REDIS_URL_FILE' },
  redisTls: {
    ca: 'REDIS_TLS_CA',
    caFile: 'REDIS_TLS_CA_FILE',
    cert: 'REDIS_TLS_CERT',
    certFile: 'REDIS_TLS_CERT_FILE',
    key: 'REDIS_TLS_KEY',
    keyFile: 'REDIS_TLS_KEY_FILE',
    servername: 'REDIS_TLS_SERVERNAME',
  },
  // OpenTelemetry's own, so that one setting serves every service of a platform.
  tracing: {
    disabled: 'OTEL_SDK_DISABLED',
    exporter: 'OTEL_TRACES_EXPORTER',
    endpoint: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    tracesEndpoint: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    protocol: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    tracesProtocol: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    sampler: 'OTEL_TRACES_SAMPLER',
    samplerRatio: 'OTEL_TRACES_SAMPLER_ARG',
  },
  limits: {
    maxJobBytes: 'EXPUNGE_MAX_JOB_BYTES',
    maxJobRecords: 'EXPUNGE_MAX_JOB_RECORDS',
    maxInFlight: 'EXPUNGE_MAX_IN_FLIGHT',
    urgentInFlight: 'EXPUNGE_URGENT_IN_FLIGHT',
    maxRecords: 'EXPUNGE_MAX_RECORDS',
    canary: 'EXPUNGE_CANARY',
  },
  salesforce: {
    loginUrl: 'SALESFORCE_LOGIN_URL',
    clientId: 'SALESFORCE_CLIENT_ID',
    clientSecret: 'SALESFORCE_CLIENT_SECRET',
    clientSecretFile: 'SALESFORCE_CLIENT_SECRET_FILE',
    username: 'SALESFORCE_USERNAME',
    jwtKey: 'SALESFORCE_JWT_KEY',
    jwtKeyFile: 'SALESFORCE_JWT_KEY_FILE',
    jwtAudience: 'SALESFORCE_JWT_AUDIENCE',
    instanceUrl: 'SALESFORCE_INSTANCE_URL',
    accessToken: 'SALESFORCE_ACCESS_TOKEN',
    accessTokenFile: 'SALESFORCE_ACCESS_TOKEN_FILE',
    orgId: 'SALESFORCE_ORG_ID',
    apiVersion: 'SALESFORCE_API_VERSION',
  },
} as const satisfies Record<string, Record<string, string>>

export type VariableGroup = keyof typeof VARIABLES

export const CONFIG_VARIABLE = 'EXPUNGE_CONFIG'

/** Names of every variable that Expunge reads. */
export const KNOWN_VARIABLES: readonly string[] = [
  CONFIG_VARIABLE,
  ...Object.values(VARIABLES).flatMap((group) => Object.values(group)),
]

export class Environment {
  readonly #variables: Variables
  readonly #known = new Set(KNOWN_VARIABLES)

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /** A variable's value; an empty one counts as unset, as Compose files pass what is unset. */
  lookup(name: string): string | undefined {
    this.#known.add(name)
    return (Object.hasOwn(this.#variables, name) && this.#variables[name]) || undefined
  }

  group(group: VariableGroup): SettingSource {
    const names = new Map<string, string>(Object.entries(VARIABLES[group]))
    const nameOf = (key: string) => names.get(key) ?? key
    return {
      get: (key): Setting | undefined => {
        const name = names.get(key)
        const text = name && this.lookup(name)
        return name && text ? { name, text, directory: '.' } : undefined
      },
      list: () => undefined,
      nameOf,
      shortNameOf: nameOf,
    }
  }

  /** Names of the variables of a group that are set. */
  given(group: VariableGroup): readonly string[] {
    return Object.values(VARIABLES[group]).filter((name) => this.lookup(name) !== undefined)
  }

  /**
   * Variables under our prefixes that nothing reads: the mistyped one among them would otherwise be
   * silent. No more than a warning, because deployments keep variables of their own there.
   */
  unknown(): readonly UnknownVariable[] {
    return Object.keys(this.#variables)
      .filter((name) => OURS.test(name) && !this.#known.has(name))
      .map((name) => ({ name, meant: knownLike(name) }))
  }
}

const OURS = /^(?:EXPUNGE|SALESFORCE)_/

/** Only what follows the prefix is compared, or short names would all look alike. */
function knownLike(name: string): string | undefined {
  const [prefix = ''] = OURS.exec(name) ?? []
  const siblings = KNOWN_VARIABLES.filter((known) => known.startsWith(prefix))
  const meant = suggest(
    name.slice(prefix.length),
    siblings.map((known) => known.slice(prefix.length)),
  )
  return meant && prefix + meant
}

export interface UnknownVariable {
  readonly name: string
  readonly meant: string | undefined
}
