import { DEFAULT_ORG } from '../shared/contract/org-name.ts'
import { SOURCE_FLAGS } from '../shared/contract/sources/flags.ts'
import { STATUSES } from '../shared/contract/status.ts'
import type { CommandRecord, FlagsOf } from './options.ts'

const ORG = {
  short: '-o',
  alias: '--target-org',
  value: '<name>',
  summary: 'org, by the name of its login or its alias in the sf CLI',
} as const
const REASON = { value: '<text>', summary: 'reason to record in the receipt' } as const
const JSON_OUTPUT = { summary: 'print JSON' } as const
const RECEIPT_ONLY = { summary: 'print only the receipt, as JSON, on stdout' } as const
const REQUEST = { id: 'id of the request' } as const
const RESULTS = {
  value: '<place>',
  summary: 'results directory or s3://bucket/prefix (default: ./results)',
} as const

const count = (summary: string) => ({ value: '<n>', summary, type: 'count' }) as const
const share = (summary: string) => ({ value: '<ratio>', summary, type: 'ratio' }) as const
const watching = (summary: string) =>
  ({
    watch: { summary },
    interval: {
      value: '<seconds>',
      summary: 'with --watch: how often to look (default: 2)',
      type: 'seconds',
    },
  }) as const
const list = (summary: string) => ({ value: '<list>', summary, type: 'names' }) as const

const DELETE = 'Delete records:'
const CONTROL = 'Inspect and control:'
const SERVICES = 'Services:'
const SETUP = 'Setup:'

const USAGE = 'wrong usage, settings or credentials; nothing was changed'
/** Of commands that end with a receipt. */
const RECEIPT_EXITS = {
  0: 'completed, or planned by a dry run',
  1: 'incomplete: some records failed or were not processed',
  2: 'wrong usage, settings or credentials, or not confirmed',
  3: 'refused or cancelled',
  4: 'failed',
  130: 'interrupted by Ctrl-C',
} as const
const EXITS = { 0: 'success', 2: USAGE } as const
const CONFIRMED_EXITS = { 0: 'success', 2: 'wrong usage or settings, or not confirmed' } as const
const SERVICE_EXITS = { 0: 'stopped by SIGTERM or Ctrl-C', 2: USAGE } as const

const REDIS = ['REDIS_URL', 'EXPUNGE_HOME', 'EXPUNGE_CONFIG'] as const
const LOGIN = [
  ...['SALESFORCE_LOGIN_URL', 'SALESFORCE_CLIENT_ID', 'SALESFORCE_CLIENT_SECRET'],
  ...['SALESFORCE_USERNAME', 'SALESFORCE_JWT_KEY_FILE'],
  ...['SALESFORCE_INSTANCE_URL', 'SALESFORCE_ACCESS_TOKEN'],
] as const

/** Options of the source kinds that have their own flag; `SourceFlags` is their type. */
const SOURCE_OPTIONS: object = Object.fromEntries(
  Object.entries(SOURCE_FLAGS).map(([type, flag]) => [type, { ...flag, group: 'Records:' }]),
)
type SourceFlags = { readonly [Type in keyof typeof SOURCE_FLAGS]?: string }

/** What to delete, and how. `--file` and `--sobject` are the names used by Salesforce's own CLI. */
const DELETION = {
  object: {
    short: '-s',
    alias: '--sobject',
    value: '<name>',
    summary: 'API name of the object, such as Contact; --soql tells it, too',
    group: 'Records:',
  },
  csv: {
    short: '-f',
    alias: '--file',
    value: '<path>',
    summary: 'CSV file with the record ids; - reads stdin',
    group: 'Records:',
  },
  ...SOURCE_OPTIONS,
  source: { value: '<json>', summary: 'source in the JSON form of a request', group: 'Records:' },
  column: {
    value: '<name>',
    summary: 'CSV column that contains the ids (default: Id)',
    group: 'Records:',
  },
  org: { ...ORG, group: 'Records:' },
  onInvalid: {
    value: '<action>',
    summary: 'what to do about rows without a valid id (default: refuse)',
    choices: ['refuse', 'skip'],
    group: 'Checks and limits:',
  },
  acceptUnchecked: {
    field: 'onUnchecked',
    summary: 'accept 15-character ids, which have no checksum',
    group: 'Checks and limits:',
  },
  maxRecords: {
    ...count('refuse the request if it has more records'),
    group: 'Checks and limits:',
  },
  expectCount: {
    ...count('refuse a plan with another number of records'),
    group: 'Checks and limits:',
  },
  expectSha256: {
    value: '<hex>',
    summary: 'refuse a plan with another digest, as printed by a dry run',
    group: 'Checks and limits:',
  },
  refuseActive: {
    summary: 'refuse a plan with active segments, flows or campaigns',
    group: 'Checks and limits:',
  },
  maxFailureRatio: {
    ...share('stop if more than this share of records fails, 0 to 1'),
    group: 'Checks and limits:',
  },
  deadline: {
    value: '<time>',
    summary: 'cancel the rest after this duration (2h) or at this time (ISO 8601)',
    type: 'deadline',
    group: 'Checks and limits:',
  },
  dryRun: { summary: 'make the plan, but delete nothing', group: 'Checks and limits:' },
  deletedFile: { summary: 'list every deleted id in deleted.csv' },
  hardDelete: {
    field: 'operation',
    summary: 'bypass the Recycle Bin, if the configuration allows it',
  },
  priority: {
    value: '<level>',
    summary: 'order among waiting requests (default: normal)',
    choices: ['high', 'normal', 'low'],
  },
  id: {
    value: '<key>',
    summary: 'idempotency key: repeating a command with it resumes the request',
  },
  reason: REASON,
  label: {
    field: 'labels',
    value: '<name=value>',
    summary: 'label to find the request by, such as ticket=4711; may be repeated',
    type: 'texts',
  },
} as const

/**
 * Every command in the order of `--help`. Flags, help, completion, the man page and
 * docs/command-line.md are derived from this; `program.ts` loads an action when it is called.
 */
const COMMAND_RECORDS = {
  run: {
    group: DELETE,
    summary: 'plan, confirm and delete in this process',
    details:
      'Reads all ids, shows the plan, asks for confirmation, deletes the records and prints the receipt. ' +
      'Needs no Redis and no worker. An interrupted run can be resumed.',
    options: {
      ...DELETION,
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      results: RESULTS,
      json: RECEIPT_ONLY,
    },
    examples: [
      ['Delete the contacts listed in a CSV file', 'run --object Contact --csv contacts.csv'],
      ['Show and keep the plan', 'run --object Contact --csv contacts.csv --dry-run'],
      [
        'Delete from a script and keep the receipt',
        'run -s Lead -f leads.csv --id leads-2026-11 --yes --json',
      ],
    ],
    exits: RECEIPT_EXITS,
    environment: [...LOGIN, ...REDIS],
  },
  submit: {
    group: DELETE,
    summary: 'queue a deletion for the workers and print its id',
    details:
      'Sends the request, with the content of a CSV file, to Redis. Workers (`expunge worker`) carry it out.',
    options: {
      ...DELETION,
      approval: {
        value: '<mode>',
        summary: 'whether somebody must approve the plan (default: auto)',
        choices: ['auto', 'required'],
      },
      callbackUrl: { value: '<url>', summary: 'URL to which the receipt is sent' },
      wait: { short: '-w', summary: 'wait for the receipt; exit codes as for `run`' },
      json: { summary: 'print the request, or with --wait the receipt, as JSON' },
    },
    examples: [
      ['Queue a deletion', 'submit --object Contact --csv contacts.csv'],
      [
        'Queue a deletion whose plan must be approved',
        'submit -s Contact -f contacts.csv --approval required --reason "GDPR request 123"',
      ],
      ['Wait for the receipt', 'submit -s Lead --ids 00Q5g00000Demo1EAB --wait'],
    ],
    exits: { ...RECEIPT_EXITS, 0: 'accepted; with --wait: completed, or planned by a dry run' },
    environment: REDIS,
  },
  apply: {
    group: DELETE,
    summary: 'delete exactly the plan of a dry run',
    details:
      'The plan of a dry run is kept for 24 hours (EXPUNGE_PLAN_HOURS). Its records are deleted by a new request, ' +
      'whatever the source contains by then. With REDIS_URL the workers delete them, otherwise this process does. ' +
      'An interrupted command can be repeated.',
    argument: { id: 'id of the dry run' },
    options: {
      org: ORG,
      as: {
        field: 'id',
        value: '<key>',
        summary: 'id of the new request (default: <id>-apply)',
      },
      reason: REASON,
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      acceptUnchecked: {
        summary: 'with --yes: accept 15-character ids, which have no checksum',
      },
      results: RESULTS,
      json: RECEIPT_ONLY,
    },
    examples: [
      ['Show the plan and ask', 'apply leads-2026-11'],
      ['Apply it from a script', 'apply leads-2026-11 --yes --json'],
    ],
    exits: { ...RECEIPT_EXITS, 0: 'completed' },
    environment: [...LOGIN, ...REDIS],
  },
  retry: {
    group: DELETE,
    summary: 'delete the failed and unprocessed rows of a request again',
    details:
      'Makes a new request of these rows, with the settings of the ended one. With REDIS_URL the workers delete ' +
      'them, otherwise this process does. An interrupted command can be repeated with the same --as.',
    argument: { id: 'id of the ended request' },
    options: {
      org: ORG,
      only: {
        value: '<kind>',
        summary: 'only rows of this kind (default: both)',
        choices: ['failed', 'unprocessed'],
      },
      code: list('only rows that failed with one of these codes, separated by commas'),
      as: { field: 'id', value: '<key>', summary: 'id of the new request (default: <id>-retry-1)' },
      reason: { value: '<text>', summary: 'reason to record (default: that of the request)' },
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      results: RESULTS,
      json: { summary: 'print only the receipt, or with REDIS_URL the request, as JSON' },
    },
    examples: [
      ['Retry all rows that were not deleted', 'retry leads-2026-11 --yes'],
      ['Retry rows that failed with one code', 'retry leads-2026-11 --code DELETE_FAILED --yes'],
    ],
    exits: { ...RECEIPT_EXITS, 0: 'completed; with REDIS_URL: accepted' },
    environment: [...LOGIN, ...REDIS, 'EXPUNGE_RESULTS'],
  },
  status: {
    group: CONTROL,
    summary: 'show the progress or the result of a request',
    argument: REQUEST,
    options: {
      org: ORG,
      ...watching('follow the request until it has ended'),
      json: JSON_OUTPUT,
    },
    examples: [
      ['Show a request', 'status leads-2026-11'],
      ['Follow it until it has ended', 'status leads-2026-11 --watch'],
      ['Print all that is recorded about it', 'status leads-2026-11 --json'],
    ],
    exits: {
      ...{
        0: 'success; with --watch: completed, or planned by a dry run',
        1: 'with --watch: incomplete',
      },
      ...{ 2: USAGE, 3: 'with --watch: refused or cancelled', 4: 'with --watch: failed' },
      130: 'interrupted by Ctrl-C',
    },
    environment: REDIS,
  },
  list: {
    group: CONTROL,
    summary: 'list the requests of an org, newest first',
    options: {
      org: ORG,
      status: { value: '<status>', summary: 'only requests in this status', choices: STATUSES },
      label: {
        value: '<name=value>',
        summary: 'only requests with this label; may be repeated: with all of them',
        type: 'texts',
      },
      limit: { ...count('number of requests to list'), default: 20 },
      ...watching('list again and again, until Ctrl-C'),
      json: JSON_OUTPUT,
    },
    examples: [
      ['List the latest requests', 'list'],
      ['List the plans that need approval', 'list --status awaiting-approval'],
    ],
    exits: { ...EXITS, 130: 'interrupted by Ctrl-C' },
    environment: REDIS,
  },
  approve: {
    group: DELETE,
    summary: 'approve a plan, so that its records are deleted',
    argument: REQUEST,
    options: {
      org: ORG,
      reason: REASON,
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      acceptUnchecked: {
        summary: 'with --yes: accept 15-character ids, which have no checksum',
      },
      json: { summary: 'print the request as JSON' },
    },
    examples: [
      ['Show the plan and ask', 'approve leads-2026-11'],
      ['Approve from a script', 'approve leads-2026-11 --yes --reason "Ticket 4711"'],
    ],
    exits: CONFIRMED_EXITS,
    environment: REDIS,
  },
  cancel: {
    group: DELETE,
    summary: 'cancel a request and abort its ingest jobs',
    details: 'Sends nothing more and aborts running ingest jobs. Deleted records stay deleted.',
    argument: REQUEST,
    options: {
      org: ORG,
      reason: REASON,
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      results: {
        value: '<dir>',
        summary: 'results directory of the `run`, if it was started with --results',
      },
      json: RECEIPT_ONLY,
    },
    examples: [
      ['Cancel a request', 'cancel leads-2026-11'],
      ['Cancel from a script', 'cancel leads-2026-11 --yes --reason "Wrong list"'],
    ],
    exits: RECEIPT_EXITS,
    environment: [...REDIS, 'EXPUNGE_RESULTS'],
  },
  priority: {
    group: CONTROL,
    summary: 'change the priority of a request that waits or runs',
    details:
      'What has not been sent goes on with the new priority. Ingest jobs that run already are not affected.',
    argument: { ...REQUEST, priority: 'high, normal or low' },
    options: {
      org: ORG,
      reason: { value: '<text>', summary: 'reason to record with the change' },
      json: { summary: 'print the request as JSON' },
    },
    examples: [['Send a request before the others', 'priority leads-2026-11 high']],
    exits: EXITS,
    environment: REDIS,
  },
  results: {
    group: CONTROL,
    summary: 'list the result files of a request, or print one',
    argument: REQUEST,
    options: {
      org: ORG,
      results: {
        value: '<place>',
        summary: 'results directory or s3://bucket/prefix (default: EXPUNGE_RESULTS)',
      },
      failed: { summary: 'print failed.csv', exclusive: true },
      unprocessed: { summary: 'print unprocessed.csv', exclusive: true },
      invalid: { summary: 'print invalid.csv', exclusive: true },
      deleted: { summary: 'print deleted.csv', exclusive: true },
      json: { summary: 'list the files as JSON', exclusive: true },
    },
    examples: [
      ['List the files', 'results leads-2026-11'],
      [
        'Save the records that failed, with the reasons',
        'results leads-2026-11 --failed > failed.csv',
      ],
    ],
    exits: { ...EXITS, 1: 'a file is missing or was changed' },
    environment: [...REDIS, 'EXPUNGE_RESULTS'],
  },
  pause: {
    group: CONTROL,
    summary: 'stop sending ingest jobs to an org until `resume`',
    options: {
      org: ORG,
      abort: { summary: 'also abort running ingest jobs; their rows are sent again on `resume`' },
      json: { summary: 'print the state of the pause as JSON' },
    },
    examples: [
      ['Start no new ingest jobs', 'pause'],
      ['Abort the running ones as well', 'pause --abort'],
    ],
    exits: EXITS,
    environment: REDIS,
  },
  resume: {
    group: CONTROL,
    summary: 'end a `pause`',
    options: { org: ORG, json: { summary: 'print the state of the pause as JSON' } },
    examples: [['Continue after a pause', 'resume']],
    exits: EXITS,
    environment: REDIS,
  },
  policy: {
    group: CONTROL,
    summary: "show an org's guard rails, or replace them with the configured ones",
    details:
      'An org keeps its guard rails (limits, approval, objects) in Redis. Requests that were accepted before ' +
      'a change keep theirs.',
    options: {
      org: ORG,
      apply: { summary: 'replace them with those of this configuration, even if less strict' },
      reason: { value: '<text>', summary: 'reason to record with the guard rails' },
      yes: { summary: 'skip the confirmation; required if there is no terminal' },
      json: { summary: 'print only the guard rails, as JSON, on stdout' },
    },
    examples: [
      ['Compare the guard rails with the configuration', 'policy'],
      ['Replace them', 'policy --apply --yes --reason "New limit"'],
    ],
    exits: CONFIRMED_EXITS,
    environment: REDIS,
  },
  worker: {
    group: SERVICES,
    summary: 'process submitted requests until SIGTERM',
    details:
      'Works for every org of the configuration, or for those that --org names. An org that cannot be used is ' +
      'retried while the worker works for the others. On SIGTERM it hands its jobs over to other workers ' +
      'within 10 seconds. Start as many as you like. All settings: docs/configuration.md.',
    options: {
      org: {
        short: '-o',
        value: '<name>',
        summary: 'work for this org only; may be repeated (default: all orgs)',
        type: 'repeated',
      },
    },
    examples: [
      ['Start a worker', 'worker'],
      ['Start a worker for two of several orgs', 'worker --org emea --org apac'],
    ],
    exits: SERVICE_EXITS,
    environment: [...REDIS, ...LOGIN, 'EXPUNGE_RESULTS', 'EXPUNGE_METRICS_PORT', 'LOG_LEVEL'],
  },
  serve: {
    group: SERVICES,
    summary: 'run the HTTP API until SIGTERM',
    details:
      'Accepts requests over HTTP. All settings: docs/configuration.md; the API: docs/http-api.md.',
    options: {},
    examples: [['Start the service', 'serve']],
    exits: SERVICE_EXITS,
    environment: [
      ...REDIS,
      'EXPUNGE_HTTP_HOST',
      'EXPUNGE_HTTP_PORT',
      'EXPUNGE_METRICS_PORT',
      'LOG_LEVEL',
    ],
  },
  key: {
    group: SETUP,
    summary: 'create a key for the HTTP API',
    details: 'Prints the key once, and its entry for the key file (docs/api-keys.md).',
    argument: { name: 'who will use the key' },
    options: {
      roles: { ...list('submit, read, approve, admin; separated by commas'), required: true },
      org: { ...list('orgs the key may use; * for all'), short: '-o', default: [DEFAULT_ORG] },
      object: { ...list('objects the key may delete; * for all'), short: '-s', default: ['*'] },
      operation: list('delete, hardDelete (default: delete)'),
      source: list('ids, upload, file, file:/FOLDER (default: all)'),
      priority: list('high, normal, low (default: all)'),
      maxRecords: count('most records in one request'),
      recordsPerHour: count('most records in any hour, over all requests'),
      recordsPerDay: count('most records in any 24 hours, over all requests'),
      requestsPerMinute: count('most calls in a minute (default: 600)'),
      json: { summary: 'print key and entry as JSON' },
    },
    examples: [
      ['Create a key and add it to the key file', 'key crm --roles submit,read >> keys.yaml'],
      [
        'Create a key for erasure requests of contacts only',
        'key privacy --roles submit,read --object Contact --records-per-day 1000',
      ],
    ],
    exits: EXITS,
  },
  sandbox: {
    group: SERVICES,
    summary: "run a local simulation of Salesforce's Bulk API 2.0 until Ctrl-C",
    details:
      'Keeps everything in memory and never contacts Salesforce. Prints the settings to log in with.',
    options: {
      host: { value: '<host>', summary: 'address to listen on', default: '127.0.0.1' },
      port: {
        value: '<port>',
        summary: 'port to listen on; 0 for any free port',
        type: 'port',
        default: 8090,
      },
      records: count('records of each object that queries find (default: 1000000)'),
      rowsPerSecond: count('rows deleted per second'),
      queueDelay: {
        value: '<ms>',
        summary: 'delay before a closed job starts',
        type: 'milliseconds',
      },
      fail: share('share of records that cannot be deleted, 0 to 1'),
      alreadyGone: share('share of records that are already in the Recycle Bin'),
      locked: share('share of records that are locked on the first attempt'),
      allowHardDelete: { summary: 'give the user the permission for hardDelete' },
      strictFields: { summary: 'refuse unknown fields in JSON bodies, which Salesforce ignores' },
      sandboxOrg: { summary: 'report a sandbox org instead of production' },
      dailyBatches: count('batches left of the daily allowance'),
      json: { summary: 'print the login settings as one line of JSON' },
    },
    examples: [
      ['Start a sandbox', 'sandbox'],
      [
        'Simulate a slow org in which 1 % of the records fail',
        'sandbox --rows-per-second 2000 --fail 0.01',
      ],
    ],
    exits: { 0: 'stopped by SIGTERM or Ctrl-C', 2: 'wrong usage, or the port is in use' },
  },
  demo: {
    group: SETUP,
    summary: 'run a complete deletion against a local sandbox',
    details:
      'Writes a CSV file, starts a sandbox and a Redis server, and deletes the records. Touches nothing else.',
    options: {
      rows: { ...count('rows in the CSV file'), default: 1_000_000 },
      rowsPerSecond: { ...count('rows the sandbox deletes per second'), default: 150_000 },
    },
    examples: [
      ['Delete a million records', 'demo'],
      ['A shorter demo', 'demo --rows 20000'],
    ],
    exits: { 0: 'success', 4: 'failed', 130: 'interrupted by Ctrl-C' },
  },
  login: {
    group: SETUP,
    summary: 'log in to an org and store the login',
    details:
      'Asks for what is missing, logs in, shows the org and stores the login in EXPUNGE_HOME, readable by you ' +
      'only. `run`, `worker` and `doctor` use it. How to set up the app in Salesforce: docs/salesforce.md.',
    options: {
      org: { short: '-o', value: '<name>', summary: 'name for the org (default: default)' },
      loginUrl: { value: '<url>', summary: 'My Domain URL, https://<name>.my.salesforce.com' },
      clientId: { value: '<key>', summary: 'consumer key of the app' },
      clientSecretFile: {
        value: '<path>',
        summary: 'file with its consumer secret; - reads stdin',
        exclusive: true,
      },
      username: { value: '<name>', summary: 'user to log in as, for JWT' },
      jwtKeyFile: {
        value: '<path>',
        summary: 'file with the private key, for JWT; it stays where it is',
        exclusive: true,
      },
      json: { summary: 'print the org as JSON' },
    },
    examples: [
      ['Log in step by step', 'login --org prod'],
      [
        'Log in from a script',
        'login --org prod --login-url https://acme.my.salesforce.com --client-id 3MVG9 --client-secret-file secret.txt',
      ],
    ],
    exits: { 0: 'success', 2: 'wrong usage, or Salesforce refused the login; nothing was stored' },
    environment: ['EXPUNGE_HOME'],
  },
  logout: {
    group: SETUP,
    summary: 'remove a stored login',
    options: {
      org: { short: '-o', value: '<name>', summary: 'name of the org (default: default)' },
    },
    examples: [['Remove the login of an org', 'logout --org prod']],
    exits: EXITS,
    environment: ['EXPUNGE_HOME'],
  },
  orgs: {
    group: SETUP,
    summary: 'list the known orgs and where their logins come from',
    options: { json: JSON_OUTPUT },
    examples: [['List the orgs', 'orgs']],
    exits: EXITS,
    environment: ['EXPUNGE_HOME', 'EXPUNGE_CONFIG'],
  },
  doctor: {
    group: SETUP,
    summary: 'check settings, Redis, login, quotas and the results store',
    options: {
      org: ORG,
      object: {
        short: '-s',
        alias: '--sobject',
        value: '<name>',
        summary: 'check that the user may delete records of this object',
      },
      hardDelete: { summary: 'with --object: check that hardDelete is possible, too' },
      json: JSON_OUTPUT,
    },
    examples: [
      ['Check this machine', 'doctor'],
      ['Check that contacts can be deleted', 'doctor --object Contact'],
    ],
    exits: { 0: 'deletions can run, perhaps with warnings', 2: 'a check failed' },
    environment: [...REDIS, ...LOGIN, 'EXPUNGE_RESULTS'],
  },
  completion: {
    group: SETUP,
    summary: 'print a completion script for bash, zsh or fish',
    details:
      'For bash or zsh, add `source <(expunge completion bash)` to ~/.bashrc, or the same with zsh to ~/.zshrc.',
    argument: { shell: 'bash, zsh or fish' },
    options: {},
    examples: [
      ['Print the script for bash', 'completion bash'],
      ['Enable it in fish', 'completion fish > ~/.config/fish/completions/expunge.fish'],
    ],
    exits: { 0: 'success', 2: 'unknown shell' },
  },
} as const satisfies Record<string, CommandRecord>

export type CommandName = keyof typeof COMMAND_RECORDS

/** All commands under one type, to define them in a loop. */
export const COMMANDS: Readonly<Record<CommandName, CommandRecord>> = COMMAND_RECORDS

/** The flags that the action of a command receives. */
export type Flags<Name extends CommandName> = FlagsOf<(typeof COMMAND_RECORDS)[Name]>

/** The flags of `run` and `submit` about the ids to delete. */
export type DeletionFlags = SourceFlags & FlagsOf<{ readonly options: typeof DELETION }>
