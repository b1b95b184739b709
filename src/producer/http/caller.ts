import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { OPERATIONS, PRIORITIES } from '../../shared/contract/request.ts'
import type { Caller } from '../../shared/store/intake/submit.ts'
import { type ApiKey, limitsOf } from './api-key.ts'
import { addFacts } from './call-log.ts'
import { createFairShare } from './fair-share.ts'
import { HttpError, retryAfter } from './http-error.ts'
import type { openKeyRing } from './keys.ts'
import { LIMITS } from './limits.ts'
import { createAddressLimiter, type createRateLimiter } from './rate-limit.ts'
import { type HttpTimeouts, withinDeadline } from './timeouts.ts'

/**
 * The caller of a service without keys. It has all permissions, because the service listens on
 * loopback only. Its requests do not carry its name, so it may approve them itself.
 */
const LOCAL: ApiKey = {
  name: 'local',
  roles: new Set(['admin']),
  orgs: '*',
  objects: '*',
  operations: OPERATIONS,
  sources: '*',
  priorities: PRIORITIES,
  maxRecords: null,
  recordsPerHour: null,
  recordsPerDay: null,
  requestsPerMinute: Number.POSITIVE_INFINITY,
}

type Keys = Awaited<ReturnType<typeof openKeyRing>>

interface Callers {
  /** Admits a call with a valid key that is within its rate limit. */
  readonly admit: onRequestAsyncHookHandler
  /** The same for pages in a browser, which asks its user for the key as a password. */
  readonly admitBrowser: onRequestAsyncHookHandler
  /** Limited resources that callers share, besides their calls. */
  readonly shares: Shares
  /** The key of an admitted call. */
  of(request: FastifyRequest): ApiKey
  /** The caller of the key's submissions, as stored in the ledger. */
  callerOf(key: ApiKey): Caller
}

type Share = ReturnType<typeof createFairShare>

interface Shares {
  readonly uploads: Share
  /** Pages of the list. */
  readonly pages: Share
  /** Bytes of JSON bodies in memory. */
  readonly jsonBytes: Share
}

export function createCallers(
  keys: Keys | null,
  limiter: ReturnType<typeof createRateLimiter>,
  timeouts: HttpTimeouts,
): Callers {
  const admitted = new WeakMap<FastifyRequest, ApiKey>()
  const tooManyFailures = createAddressLimiter()
  const { calls, ...shares } = sharesOf(keys !== null)
  const admit = async (request: FastifyRequest, reply: FastifyReply, scheme: Scheme) => {
    if (keys === null) {
      refuseOtherPages(request)
      admitted.set(request, LOCAL)
      return
    }
    const key = keyOf(request, keys, scheme)
    if (key instanceof HttpError) {
      const seconds = tooManyFailures(request.ip)
      throw seconds === 0 ? key : tooManyWrongKeys(seconds)
    }
    addFacts(request, { key: key.name })
    calls.take(key.name, 1)
    reply.raw.once('close', () => calls.give(key.name, 1))
    const admission = await withinDeadline(timeouts, limiter(key))
    if (!admission.admitted) {
      throw new HttpError(
        'RATE_LIMITED',
        `The key ${key.name} has used up its ${key.requestsPerMinute} calls a minute.`,
        retryAfter(admission.retryAfterSeconds),
      )
    }
    admitted.set(request, key)
  }
  return {
    shares,
    admit: (request, reply) => admit(request, reply, 'Bearer'),
    admitBrowser: (request, reply) => admit(request, reply, 'Basic'),
    of: (request) => {
      const key = admitted.get(request)
      if (key === undefined) throw new TypeError('A route without admission has asked who calls.')
      return key
    },
    callerOf: (key) => (key === LOCAL ? {} : { submittedBy: key.name, limits: limitsOf(key) }),
  }
}

/** Without keys all callers count as one, which may use everything. */
function sharesOf(haveKeys: boolean): Shares & { readonly calls: Share } {
  const share = ({ unit, total, perKey }: (typeof LIMITS)[keyof Shares | 'calls']) =>
    createFairShare({ unit, total, each: haveKeys ? perKey : total })
  return {
    calls: share(LIMITS.calls),
    uploads: share(LIMITS.uploads),
    pages: share(LIMITS.pages),
    jsonBytes: share(LIMITS.jsonBytes),
  }
}

type Scheme = 'Bearer' | 'Basic'

/** The key of a call, or the error. */
function keyOf({ headers }: FastifyRequest, keys: Keys, scheme: Scheme): ApiKey | HttpError {
  const challenge = { 'WWW-Authenticate': `${scheme} realm="expunge", charset="UTF-8"` }
  const secret = secretIn(headers.authorization ?? '', scheme)
  if (secret === null) {
    return new HttpError('KEY_MISSING', 'Expected a key: Authorization: Bearer <key>.', challenge)
  }
  const unknown = new HttpError('KEY_UNKNOWN', 'This key is not valid (any more).', challenge)
  return keys.find(secret) ?? unknown
}

function tooManyWrongKeys(seconds: number): HttpError {
  const message = 'Too many calls without a valid key have come from this address.'
  return new HttpError('RATE_LIMITED', message, retryAfter(seconds))
}

/** The user name is ignored: the key is the password. */
function secretIn(authorization: string, scheme: Scheme): string | null {
  const [, bearer] = /^Bearer +([^ ]+)$/i.exec(authorization) ?? []
  if (bearer !== undefined || scheme === 'Bearer') return bearer ?? null
  const [, basic] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? []
  if (basic === undefined) return null
  const text = Buffer.from(basic, 'base64').toString()
  return text.slice(text.indexOf(':') + 1)
}

/**
 * Without keys, any page in a browser of this machine could call the service, through its own name
 * that resolves to loopback, or by sending a form.
 */
function refuseOtherPages({ headers, method }: FastifyRequest): void {
  const { host = '', origin } = headers
  const site = headers['sec-fetch-site'] ?? 'none'
  // Older browsers do not send the site, but send the page's origin with changing calls.
  const isOrigin = origin === undefined || URL.parse(origin)?.host === host.toLowerCase()
  const isOurPage = isOrigin && (site === 'same-origin' || site === 'none')
  if (LOOPBACK_NAME.test(host) && (isOurPage || method === 'GET')) return
  throw new HttpError(
    'FOREIGN_ORIGIN',
    'A service without keys answers this machine alone, by the names localhost, 127.0.0.1 and [::1], and no other web page.',
  )
}

const LOOPBACK_NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i
