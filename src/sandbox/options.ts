import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { BUILT_IN_OBJECTS, type DeletableObject } from '../shared/contract/objects.ts'
import { canonicalId, to18 } from '../shared/contract/record-id.ts'
import { faultScript } from './fault-script.ts'
import type { RowRules } from './org.ts'
import { expected, FieldError, field, parse } from './parse.ts'

const USER_ID = to18('0055f0000000001')

const orgId = z
  .custom<string>(
    (value) => typeof value === 'string' && value.startsWith('00D') && canonicalId(value),
    expected('a Salesforce id that begins with 00D'),
  )
  .transform((id) => to18(id.slice(0, 15)))

const sandboxOptions = z
  .object({
    /** Default 127.0.0.1, because access control is minimal. */
    host: field.text.default('127.0.0.1'),
    /** Default 0: any free port. */
    port: field.count.default(0),
    clientId: field.text.default('sandbox-client'),
    clientSecret: field.text.default('sandbox-secret'),
    refreshToken: field.text.default('sandbox-refresh'),
    /** Checks the signature of JWT bearer assertions; without it any signature is accepted. */
    jwtPublicKey: z.custom<KeyObject>().optional(),
    /** 18 characters, `00D…`. */
    orgId: orgId.default(to18('00D5f0000000001')),
    /** Value in the Organization record. */
    isSandbox: field.flag.default(false),
    username: field.text.default('integration@sandbox.example'),
    /**
     * Scope of each token. Default `api id refresh_token`. Without `id`, `openid`, `profile` or
     * `full`, userinfo and the identity URL answer 403.
     */
    scope: field.text.default('api id refresh_token'),
    /** For the whole org. Default 2,000,000. */
    rowsPerSecond: field.count.default(2_000_000),
    /** From UploadComplete to InProgress. Default 20. */
    queueDelayMs: field.count.default(20),
    /** Default true. */
    shuffleResults: field.flag.default(true),
    /** Compresses result files for clients that accept it. Default false. */
    gzipResults: field.flag.default(false),
    /** Default false: creating a hardDelete job is refused with FEATURENOTENABLED. */
    allowHardDelete: field.flag.default(false),
    /** Refuses unknown fields in JSON bodies. Default false: they are ignored, as in an org. */
    strictFields: field.flag.default(false),
    /** Default 112,500,000, which base64 turns into 150 MB. Larger uploads get 413. */
    maxUploadBytes: field.count.default(112_500_000),
    /** Default 100,000. */
    dailyApiRequests: field.count.default(100_000),
    /** Default 15,000. */
    dailyBulkApiBatches: field.count.default(15_000),
    /** The time over which the daily allowances are counted. Default 24 hours. */
    quotaWindowMs: field.count.default(24 * 60 * 60 * 1_000),
    /** Objects besides the built-in five. */
    objects: z
      .custom<readonly DeletableObject[]>()
      .default([])
      .transform((others) => [...BUILT_IN_OBJECTS, ...others]),
    /** Objects whose records the user may see, but not delete, as `describe` says. */
    notDeletable: z.custom<readonly string[]>().default([]),
    /** Most rows of a page of a query job's results, whatever the client asks for. Default 250,000. */
    queryPageRows: field.count.default(250_000),
    rows: z.custom<RowRules>().default({}),
    /** Records of each object that queries find. Default 1,000,000. */
    records: field.count.default(1_000_000),
    faults: field.listOf(faultScript).readonly().default([]),
    /**
     * Where uploads are kept while their job exists. Default: a temporary folder, removed on close.
     */
    directory: field.text.optional(),
    /** Lifetime of a token, which use does not extend. Default 2 hours. */
    tokenLifetimeMs: field.count.default(2 * 60 * 60 * 1_000),
    /** The clock for JWT assertions and allowances, for tests with their own clock. */
    now: z.custom<() => number>().default(() => Date.now),
    /** The control surface under `/__sandbox`. Default true. */
    control: field.flag.default(true),
  })
  .transform((options) => ({ ...options, userId: USER_ID }))

export type SandboxOptions = Omit<z.input<typeof sandboxOptions>, 'faults'> & {
  readonly faults?: z.output<typeof sandboxOptions>['faults'] | undefined
}
/** With defaults for options that are not given. */
export type CompleteOptions = Readonly<z.output<typeof sandboxOptions>>

export function parseOptions(options: SandboxOptions): CompleteOptions {
  try {
    return parse(sandboxOptions, options, '')
  } catch (error) {
    throw error instanceof FieldError ? new RangeError(error.message) : error
  }
}
