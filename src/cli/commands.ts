import { STATUSES } from '../shared/contract/receipt.ts'
import { DEFAULT_ORG } from '../shared/contract/request.ts'
import { SOURCE_TYPES, SOURCES, type SourceType } from '../shared/contract/sources/sources.ts'
import {
  type CommandRecord,
  deadline,
  type FlagsOf,
  milliseconds,
  names,
  portNumber,
  ratio,
  wholeNumber,
} from './options.ts'

const ORG = { value: '<name>', summary: 'org, where there are several' } as const
const REASON = { value: '<text>', summary: 'kept in the receipt' } as const
const JSON_OUTPUT = { summary: 'as JSON' } as const
const RECEIPT_ONLY = { summary: 'print the receipt, and nothing else, on stdout' } as const

const count = (summary: string) => ({ value: '<n>', summary, parse: wholeNumber }) as const
const share = (summary: string) => ({ value: '<ratio>', summary, parse: ratio }) as const
const list = (summary: string) => ({ value: '<list>', summary, parse: names }) as const

/** Options of the source kinds that have their own flag; `SourceFlags` is their type. */
const SOURCE_OPTIONS: object = Object.fromEntries(
  SOURCE_TYPES.flatMap((type) => {
    const { flag } = SOURCES[type]
    return flag === undefined ? [] : [[type, flag]]
  }),
)
type SourceFlags = { readonly [Type in SourceType]?: string }

/** What to delete, and how. `--file` and `--sobject` are the names used by Salesforce's own CLI. */
const DELETION = {
  object: {
    alias: '--sobject',
    value: '<name>',
    summary: 'API name of the object, as in Contact',
    required: true,
  },
  csv: {
    alias: '--file',
    value: '<path>',
    summary: 'CSV file with the record ids; - reads stdin',
  },
  ...SOURCE_OPTIONS,
  source: { value: '<json>', summary: 'any source of ids, as the deletion request describes it' },
  soql: { value: '<query>', summary: '', hidden: true },
  column: { value: '<name>', summary: 'column of the CSV that holds the ids (default: Id)' },
  org: { value: '<name>', summary: 'org, where the configuration file names several' },
  onInvalid: {
    value: '<what>',
    summary: 'rows that are no such ids (default: refuse)',
    choices: ['refuse', 'skip'],
  },
  acceptUnchecked: { summary: 'take ids of 15 characters, which carry no checksum' },
  maxRecords: count('refuse a source with more records'),
  maxFailureRatio: {
    value: '<r>',
    summary: 'stop past this share of failures, 0 to 1',
    parse: ratio,
  },
  deadline: {
    value: '<time>',
    summary: 'cancel what is not deleted by then: 2h, or a time',
    parse: deadline,
  },
  dryRun: { summary: 'make the plan and delete nothing' },
  hardDelete: { summary: 'past the Recycle Bin, where the configuration allows it' },
  priority: {
    value: '<level>',
    summary: 'which requests go first (default: normal)',
    choices: ['high', 'normal', 'low'],
  },
  id: { value: '<key>', summary: 'name of the request: the same again goes on, never repeats' },
  reason: REASON,
} as const

/**
 * Every command in the order of `--help`. The types of its flags are derived from this, and
 * `program.ts` loads its action when it is called.
 */
const COMMAND_RECORDS = {
  run: {
    summary: 'plan, confirm and delete, in this process; needs no Redis',
    options: {
      ...DELETION,
      yes: { summary: 'delete without asking; needed where there is no terminal' },
      results: {
        value: '<dir>',
        summary: 'where receipt and result files go (default: ./results)',
      },
      json: RECEIPT_ONLY,
    },
  },
  submit: {
    summary: 'enqueue a deletion for the workers; prints its id',
    options: {
      ...DELETION,
      approval: {
        value: '<how>',
        summary: 'whether somebody must approve the plan',
        choices: ['auto', 'required'],
      },
      callbackUrl: { value: '<url>', summary: 'told of the receipt when there is one' },
      wait: { summary: 'wait for the receipt; the exit code is that of `run`' },
      json: { summary: 'print the request, or with --wait the receipt, as JSON' },
    },
  },
  status: {
    summary: 'how far a request is, or how it ended',
    argument: { id: 'the request' },
    options: { org: ORG, json: JSON_OUTPUT },
  },
  list: {
    summary: 'the requests of an org, newest first',
    options: {
      org: ORG,
      status: { value: '<status>', summary: 'only those', choices: STATUSES },
      limit: { ...count('at most so many'), default: 20 },
      json: JSON_OUTPUT,
    },
  },
  approve: {
    summary: 'let a plan that awaits approval go ahead',
    argument: { id: 'the request' },
    options: {
      org: ORG,
      reason: REASON,
      yes: { summary: 'approve without asking; needed where there is no terminal' },
      acceptUnchecked: { summary: 'with --yes: ids of 15 characters, without checksum, too' },
      json: { summary: 'print the request as JSON' },
    },
  },
  cancel: {
    summary: 'end a request: nothing more is sent, running ingest jobs are aborted',
    argument: { id: 'the request' },
    options: {
      org: ORG,
      reason: REASON,
      yes: { summary: 'cancel without asking; needed where there is no terminal' },
      results: {
        value: '<dir>',
        summary: 'where the `run` that began it keeps its results, if told so',
      },
      json: RECEIPT_ONLY,
    },
  },
  results: {
    summary: 'the result files of a request, or the content of one',
    argument: { id: 'the request' },
    options: {
      org: ORG,
      results: { value: '<dir>', summary: 'where they are (default: as EXPUNGE_RESULTS says)' },
      failed: { summary: 'print failed.csv', exclusive: true },
      unprocessed: { summary: 'print unprocessed.csv', exclusive: true },
      invalid: { summary: 'print invalid.csv', exclusive: true },
      deleted: { summary: 'print deleted.csv', exclusive: true },
      json: { summary: 'list the files as JSON', exclusive: true },
    },
  },
  pause: {
    summary: 'start no new ingest job in an org until `resume`',
    options: {
      org: ORG,
      abort: { summary: 'abort those at work, too; their rows are sent again on `resume`' },
      json: { summary: 'print what pauses the org as JSON' },
    },
  },
  resume: {
    summary: 'take `pause` back',
    options: { org: ORG, json: { summary: 'print what still pauses the org as JSON' } },
  },
  policy: {
    summary: "show an org's guard rails beside this configuration's, or set them to these",
    options: {
      org: ORG,
      apply: { summary: "set the org's guard rails to this configuration's, looser ones too" },
      reason: { value: '<text>', summary: 'kept with the guard rails' },
      yes: { summary: 'apply without asking; needed where there is no terminal' },
      json: { summary: 'print them, and nothing else, on stdout' },
    },
  },
  worker: {
    summary: 'work on submitted requests until SIGTERM; settings by environment',
    options: {},
  },
  serve: {
    summary: 'take requests over HTTP until SIGTERM; settings by environment',
    options: {},
  },
  key: {
    summary: 'make a key for the HTTP API, and its entry for the key file',
    argument: { name: 'who will use it' },
    options: {
      roles: { ...list('submit, read, approve, admin; separated by commas'), required: true },
      org: { ...list('orgs that it is for, or * for all'), default: [DEFAULT_ORG] },
      object: { ...list('objects that it is for, or * for all'), default: ['*'] },
      operation: list('delete, hardDelete (default: delete)'),
      source: list('ids, upload, file, file:/FOLDER (default: all)'),
      priority: list('high, normal, low (default: all)'),
      maxRecords: count('records that it may ask for in one request'),
      recordsPerHour: count('records of all its requests in any hour'),
      recordsPerDay: count('records of all its requests in any 24 hours'),
      requestsPerMinute: count('calls in a minute (default: 600)'),
      json: { summary: 'print key and entry as JSON' },
    },
  },
  sandbox: {
    summary: "a local stand-in for Salesforce's Bulk API 2.0, until Ctrl-C",
    options: {
      host: { value: '<host>', summary: 'where it listens', default: '127.0.0.1' },
      port: {
        value: '<port>',
        summary: 'where it listens; 0 is any free port',
        parse: portNumber,
        default: 8090,
      },
      rowsPerSecond: count('rows that it deletes in a second'),
      queueDelay: {
        value: '<ms>',
        summary: 'how long a closed job waits before it starts',
        parse: milliseconds,
      },
      fail: share('share of records that cannot be deleted, 0 to 1'),
      alreadyGone: share('share of records that are in the Recycle Bin'),
      locked: share('share of records that are locked at the first try'),
      allowHardDelete: { summary: 'let the user delete past the Recycle Bin' },
      strictFields: { summary: 'refuse unknown fields in JSON bodies, which an org ignores' },
      sandboxOrg: { summary: 'be a sandbox org; otherwise it says that it is production' },
      dailyBatches: count('batches that are left today'),
      json: { summary: 'print how to log in as a line of JSON' },
    },
  },
  demo: {
    summary: 'a whole deletion on this machine, against the sandbox; touches nothing else',
    options: {
      rows: { ...count('rows of the CSV'), default: 1_000_000 },
      rowsPerSecond: { ...count('how fast the sandbox deletes'), default: 150_000 },
    },
  },
  doctor: {
    summary: 'check settings, Redis, login, quotas and the results directory',
    options: { json: JSON_OUTPUT },
  },
} as const satisfies Record<string, CommandRecord>

export type CommandName = keyof typeof COMMAND_RECORDS

/** All commands under one type, to define them in a loop. */
export const COMMANDS: Readonly<Record<CommandName, CommandRecord>> = COMMAND_RECORDS

/** The flags that the action of a command receives. */
export type Flags<Name extends CommandName> = FlagsOf<(typeof COMMAND_RECORDS)[Name]>

/** The flags of `run` and `submit` about the ids to delete. */
export type DeletionFlags = SourceFlags &
  FlagsOf<{ readonly summary: string; readonly options: typeof DELETION }>
