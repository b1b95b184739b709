/**
 * What a key may do. Pure functions: each tells what stands against it, or null where nothing does.
 * An org or object that is not the key's own is denied by name, whether it exists or not.
 */

import type { DeletionRequest, Operation, Priority } from '../../shared/contract/request.ts'
import { kindOf, type StoredSource, wordsFor } from '../../shared/contract/sources/sources.ts'
import type { ApiKey, Role, SourceRights } from './api-key.ts'

type DenialCode =
  | 'ROLE_MISSING'
  | 'ORG_NOT_ALLOWED'
  | 'OBJECT_NOT_ALLOWED'
  | 'OPERATION_NOT_ALLOWED'
  | 'SOURCE_NOT_ALLOWED'
  | 'PRIORITY_NOT_ALLOWED'
  | 'TOO_MANY_RECORDS'
  | 'OWN_REQUEST'

/** Why not: a code for machines, and words for people. */
export interface Denial {
  readonly code: DenialCode
  readonly message: string
}

/** What matters about a request that is there already. */
export interface ExistingRequest {
  readonly org: string
  readonly object: string
  readonly operation: Operation
  /** Name of the key that submitted it; null where it came by another door. */
  readonly submittedBy: string | null
}

/** What of a request decides whether a key may submit it. */
type Wanted = Pick<
  DeletionRequest,
  'org' | 'object' | 'operation' | 'priority' | 'source' | 'maxRecords' | 'dryRun'
>

export function maySubmit(key: ApiKey, wanted: Wanted): Denial | null {
  const { org, object, operation, priority, source } = wanted
  return (
    lacksRole(key, 'submit') ??
    outsideOrgs(key, org) ??
    outsideObjects(key, object) ??
    outsideOperations(key, operation) ??
    outsideSources(key, source) ??
    outsidePriorities(key, priority) ??
    overLimit(key, wanted) ??
    overBudget(key, wanted)
  )
}

/** Whether the key may submit anything at all: to be asked before a body is taken in. */
export function maySubmitSome(key: ApiKey): Denial | null {
  return lacksRole(key, 'submit')
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

/** One request with its receipt and result files; the key that submitted it may always read it. */
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
    outsideOperations(key, request.operation) ??
    (request.submittedBy === key.name
      ? deny('OWN_REQUEST', `The key ${key.name} has submitted this request: another must approve.`)
      : null)
  )
}

/**
 * To cancel, or turn a plan down: for keys that approve plans of this object, and the key that submitted
 * it. The operation does not matter: to stop a hardDelete takes no right to one.
 */
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

/** To be asked first: an org that is not the key's own is denied before any lookup. */
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

function outsideOperations({ name, operations }: ApiKey, operation: Operation): Denial | null {
  return operations.includes(operation)
    ? null
    : deny('OPERATION_NOT_ALLOWED', `The key ${name} is not for the operation "${operation}".`)
}

function outsideSources(
  { name, sources }: ApiKey,
  source: DeletionRequest['source'],
): Denial | null {
  const what = beyond(sources, source)
  return what === null ? null : deny('SOURCE_NOT_ALLOWED', `The key ${name} is not for ${what}.`)
}

/** What of a source is outside of the rights, in words that end a sentence; null where nothing is. */
function beyond(rights: SourceRights | '*', source: StoredSource): string | null {
  if (rights === '*') return null
  const names = rights[source.type]
  if (names === undefined) return `sources of the type "${source.type}"`
  const isAllowed = names === '*' || kindOf(source).scope?.holds(names, source)
  return isAllowed ? null : `the ${wordsFor(source)}`
}

function outsidePriorities({ name, priorities }: ApiKey, priority: Priority): Denial | null {
  return priorities.includes(priority)
    ? null
    : deny('PRIORITY_NOT_ALLOWED', `The key ${name} is not for the priority "${priority}".`)
}

/** How many a request asks for; null where only its plan tells, which `recordLimit` holds then. */
function overLimit(
  { name, maxRecords }: ApiKey,
  { source, maxRecords: most }: Wanted,
): Denial | null {
  const records = kindOf(source).count(source) ?? most
  return records === null || maxRecords === null || records <= maxRecords
    ? null
    : deny(
        'TOO_MANY_RECORDS',
        `The key ${name} may ask for ${maxRecords} records in a request, not ${records}.`,
      )
}

/** A list that no budget of an hour or a day holds is not worth coming again with. */
function overBudget(key: ApiKey, { source, dryRun }: Wanted): Denial | null {
  const budget = Math.min(
    key.recordsPerHour ?? Number.POSITIVE_INFINITY,
    key.recordsPerDay ?? Number.POSITIVE_INFINITY,
  )
  const records = kindOf(source).count(source)
  return dryRun || records === null || records <= budget
    ? null
    : deny(
        'TOO_MANY_RECORDS',
        `The key ${key.name} has a budget of ${budget} records, less than the ${records} of this request.`,
      )
}

function deny(code: DenialCode, message: string): Denial {
  return { code, message }
}
