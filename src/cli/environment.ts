/** The environment variables that the help of a command explains; all: docs/configuration.md. */
export const ENVIRONMENT = {
  REDIS_URL: 'Redis server, redis:// or rediss://; `run` starts its own without it',
  EXPUNGE_CONFIG: 'path of the YAML configuration file, for several orgs or Redis Sentinel',
  EXPUNGE_HOME:
    'folder of stored logins and of the data of the embedded Redis server (default: ~/.local/state/expunge)',
  EXPUNGE_RESULTS:
    'directory or s3://bucket/prefix for receipts and result files (default: ./results)',
  EXPUNGE_HTTP_HOST: 'address the HTTP API listens on (default: 127.0.0.1)',
  EXPUNGE_HTTP_PORT: 'port of the HTTP API (default: 8080)',
  EXPUNGE_METRICS_PORT: 'port of /metrics, /healthz and /readyz (default: 9464)',
  SALESFORCE_LOGIN_URL: 'My Domain URL of the org',
  SALESFORCE_CLIENT_ID: 'consumer key of the app',
  SALESFORCE_CLIENT_SECRET: 'its consumer secret, for client credentials; or …_FILE',
  SALESFORCE_USERNAME: 'user to log in as, for JWT',
  SALESFORCE_JWT_KEY_FILE: 'private key, for JWT',
  SALESFORCE_INSTANCE_URL: 'instance URL, for an access token',
  SALESFORCE_ACCESS_TOKEN: 'access token of a session; or …_FILE',
  LOG_LEVEL: 'fatal, error, warn, info, debug or trace (default: info)',
  NO_COLOR: 'no colors if set',
} as const

export type Variable = keyof typeof ENVIRONMENT
