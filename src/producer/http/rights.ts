/**
 * What a key may do. Pure functions: each tells what stands against it, or null where nothing does.
 * An org or object that is not the key's own is denied by name, whether it exists or not.
 */

/** `admin` has all the others; each counts within the key's orgs and objects. */
export const ROLES = ['submit', 'read', 'approve', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who calls, and what they may do. */
export interface ApiKey {
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly orgs: readonly string[] | '*'
  readonly objects: readonly string[] | '*'
  /** Of one request; null: as many as the org allows. */
  readonly maxRecords: number | null
  readonly requestsPerMinute: number
}

export type DenialCode =
  | 'ROLE_MISSING'
  | 'ORG_NOT_ALLOWED'
  | 'OBJECT_NOT_ALLOWED'
  | 'TOO_MANY_RECORDS'
  | 'OWN_REQUEST'

/** Why not: a code for machines, and words for whoever holds the key. */
export interface Denial {
  readonly code: DenialCode
  readonly message: string
}

/** What matters about a request that is there already. */
export interface ExistingRequest {
  readonly org: string
  readonly object: string
  /** Name of the key that submitted it; null where it came by another door. */
  readonly submittedBy: string | null
}

/**
 * @param records how many the request asks for or may ask for at most (`maxRecords`); null where it
 *   does not say, and then it is `recordLimit` that holds it
 */
export function maySubmit(
  key: ApiKey,
  { org, object, records }: { org: string; object: string; records: number | null },
): Denial | null {
  return (
    lacksRole(key, 'submit') ??
    outsideOrgs(key, org) ??
    outsideObjects(key, object) ??
    overLimit(key, records)
  )
}

/** Whether the key may submit anything at all: to be asked before a body is taken in. */
export function maySubmitSome(key: ApiKey): Denial | null {
  return lacksRole(key, 'submit')
}

/** The `maxRecords` that a request of this key is submitted with: its own where that is lower. */
export function recordLimit({ maxRecords }: ApiKey, asked: number | null): number | null {
  if (asked === null || maxRecords === null) return asked ?? maxRecords
  return Math.min(asked, maxRecords)
}

/**
 * The list of an org's requests. It shows those that the key may read.
 *
 * @param object the one that is asked for; null asks for all that the key is for
 */
export function mayList(key: ApiKey, org: string, object: string | null): Denial | null {
  return (
    lacksRole(key, 'read') ??
    outsideOrgs(key, org) ??
    (object === null ? null : outsideObjects(key, object))
  )
}

/** One request with its receipt and result files: whoever submits may see what came of it. */
export function mayRead(key: ApiKey, request: ExistingRequest): Denial | null {
  return (
    outsideOrgs(key, request.org) ??
    (isOwn(key, request) ? null : (lacksRole(key, 'read') ?? outsideObjects(key, request.object)))
  )
}

/**
 * Approval is a second pair of eyes, so no key approves what it has submitted, an `admin` neither:
 * else one stolen key would do for both.
 */
export function mayApprove(key: ApiKey, request: ExistingRequest): Denial | null {
  return (
    lacksRole(key, 'approve') ??
    outsideOrgs(key, request.org) ??
    outsideObjects(key, request.object) ??
    (request.submittedBy === key.name
      ? deny('OWN_REQUEST', `The key ${key.name} has submitted this request: another must approve.`)
      : null)
  )
}

/** To cancel, or turn a plan down: for whoever could have approved it, and for who submitted it. */
export function mayCancel(key: ApiKey, request: ExistingRequest): Denial | null {
  return (
    outsideOrgs(key, request.org) ??
    (isOwn(key, request)
      ? null
      : (lacksRole(key, 'approve') ?? outsideObjects(key, request.object)))
  )
}

/** The dashboard shows the queues of all orgs, and what waits there is for any object. */
export function maySeeDashboard(key: ApiKey): Denial | null {
  const { name, orgs, objects } = key
  return (
    lacksRole(key, 'admin') ??
    (orgs === '*'
      ? null
      : deny('ORG_NOT_ALLOWED', `The dashboard shows every org; the key ${name} has only some.`)) ??
    (objects === '*'
      ? null
      : deny(
          'OBJECT_NOT_ALLOWED',
          `The dashboard shows every object; the key ${name} has only some.`,
        ))
  )
}

function isOwn(key: ApiKey, { submittedBy }: Pick<ExistingRequest, 'submittedBy'>): boolean {
  return submittedBy === key.name && has(key, 'submit')
}

function has({ roles }: ApiKey, role: Role): boolean {
  return roles.has(role) || roles.has('admin')
}

function lacksRole(key: ApiKey, role: Role): Denial | null {
  return has(key, role)
    ? null
    : deny('ROLE_MISSING', `The key ${key.name} lacks the role "${role}".`)
}

/** To be asked first: an org that is not the key's own is denied before anything is looked up. */
export function outsideOrgs({ name, orgs }: ApiKey, org: string): Denial | null {
  return orgs === '*' || orgs.includes(org)
    ? null
    : deny('ORG_NOT_ALLOWED', `The key ${name} is not for the org "${org}".`)
}

function outsideObjects({ name, objects }: ApiKey, object: string): Denial | null {
  return objects === '*' || objects.includes(object)
    ? null
    : deny('OBJECT_NOT_ALLOWED', `The key ${name} is not for the object "${object}".`)
}

function overLimit({ name, maxRecords }: ApiKey, records: number | null): Denial | null {
  return records === null || maxRecords === null || records <= maxRecords
    ? null
    : deny(
        'TOO_MANY_RECORDS',
        `The key ${name} may ask for ${maxRecords} records in a request, not ${records}.`,
      )
}

function deny(code: DenialCode, message: string): Denial {
  return { code, message }
}
