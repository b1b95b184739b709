import type { KeyObject } from 'node:crypto'
import { BUILT_IN_OBJECTS, type DeletableObject } from '../shared/contract/objects.ts'
import { canonicalId, to18 } from '../shared/contract/record-id.ts'
import type { AuthOptions } from './auth.ts'
import type { FaultScript } from './fault-script.ts'
import type { RowRules } from './row-rules.ts'

export interface SandboxOptions {
  /** Default 127.0.0.1: there is no access control worth the name. */
  readonly host?: string | undefined
  /** Default 0: a free one. */
  readonly port?: number | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  readonly refreshToken?: string | undefined
  /** Checks the signature of JWT bearer assertions; without it any signature will do. */
  readonly jwtPublicKey?: KeyObject | undefined
  /** 18 characters, `00D…`. */
  readonly orgId?: string | undefined
  /** What the Organization record says. */
  readonly isSandbox?: boolean | undefined
  readonly username?: string | undefined
  /**
   * Of each token. Default `api id refresh_token`. Without `id`, `openid`, `profile` or `full`,
   * userinfo and the identity URL answer 403.
   */
  readonly scope?: string | undefined
  /** Over the whole org. Default 2,000,000. */
  readonly rowsPerSecond?: number | undefined
  /** UploadComplete to InProgress. Default 20. */
  readonly queueDelayMs?: number | undefined
  /** Default true. */
  readonly shuffleResults?: boolean | undefined
  /** Compress result files for clients that accept it. Default false. */
  readonly gzipResults?: boolean | undefined
  /** Default false: creating a hardDelete job is refused with FEATURENOTENABLED. */
  readonly allowHardDelete?: boolean | undefined
  /** Refuse unknown fields in JSON bodies. Default false: they are ignored, as an org does. */
  readonly strictFields?: boolean | undefined
  /** Default 112,500,000: what base64 turns into 150 MB. Past it 413. */
  readonly maxUploadBytes?: number | undefined
  /** Default 100,000. */
  readonly dailyApiRequests?: number | undefined
  /** Default 15,000. */
  readonly dailyBulkApiBatches?: number | undefined
  /** Objects beside the built-in five. */
  readonly objects?: readonly DeletableObject[] | undefined
  readonly rows?: RowRules | undefined
  readonly faults?: readonly FaultScript[] | undefined
  /** Where uploads are kept while their job lives. Default: a temporary folder, removed on close. */
  readonly directory?: string | undefined
  /** From a token's issue to its expiry. Default 2 hours. */
  readonly tokenLifetimeMs?: number | undefined
  /** What time it is where JWT assertions are signed, for tests with a clock of their own. */
  readonly now?: (() => number) | undefined
  /** The control surface under `/__sandbox`. Default true. */
  readonly control?: boolean | undefined
}

const DEFAULT_ORG_ID = to18('00D5f0000000001')
const USER_ID = to18('0055f0000000001')
const TWO_HOURS = 2 * 60 * 60 * 1_000

/** Whom the sandbox lets in, and as whom. */
export function authOptions(options: SandboxOptions): AuthOptions {
  return {
    clientId: options.clientId ?? 'sandbox-client',
    clientSecret: options.clientSecret ?? 'sandbox-secret',
    refreshToken: options.refreshToken ?? 'sandbox-refresh',
    jwtPublicKey: options.jwtPublicKey,
    orgId: checkedOrgId(options.orgId ?? DEFAULT_ORG_ID),
    userId: USER_ID,
    username: options.username ?? 'integration@sandbox.example',
    scope: options.scope ?? 'api id refresh_token',
    tokenLifetimeMs: options.tokenLifetimeMs ?? TWO_HOURS,
    now: options.now ?? Date.now,
  }
}

/** The objects whose records can be deleted. */
export function objectsOf(options: SandboxOptions): readonly DeletableObject[] {
  return [...BUILT_IN_OBJECTS, ...(options.objects ?? [])]
}

function checkedOrgId(text: string): string {
  const id = canonicalId(text)
  if (id?.startsWith('00D')) return to18(id)
  throw new RangeError(`orgId: expected a Salesforce id that begins with 00D, got "${text}"`)
}
