/**
 * What a key may do. Pure functions: each returns the denial, or null if the action is allowed. An
 * org or object that the key does not cover is denied by name, whether it exists or not.
 */

import { isSameObject } from '../../shared/contract/known-object.ts'
import type { DeletionRequest, Operation, Priority } from '../../shared/contract/request.ts'
import { countOf, listsOf, wordsForList } from '../../shared/contract/sources/lists.ts'
import {
  kindOf,
  type StoredList,
  type StoredSource,
} from '../../shared/contract/sources/sources.ts'
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

/** A denial: a code for machines, and a message for people. */
export interface Denial {
  readonly code: DenialCode
  readonly message: string
}

/** The relevant facts about an existing request. */
export interface ExistingRequest {
  readonly org: string
  readonly object: string
  readonly operation: Operation
  /** Name of the key that submitted it; null if it was submitted without a key. */
  readonly submittedBy: string | null
}

/** The fields of a request that decide whether a key may submit it. */
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

/**
 * Retrying rows of a request: allowed for keys that may submit such a request. The rows come from its
 * result files, so they need no permission for uploads. Their number is not known yet: the key's limit
 * lowers that of the request instead of denying it.
 *
 * @param sources of the request, and of those that it retries; one has to be allowed
 */
export function mayRetry(
  key: ApiKey,
  wanted: Wanted,
  sources: readonly StoredSource[],
): Denial | null {
  const denials = sources.map((source) => outsideSources(key, source))
  const [denial = null] = denials.includes(null) ? [] : denials
  return (
    lacksRole(key, 'submit') ??
    denial ??
    maySubmit({ ...key, sources: '*' }, { ...wanted, maxRecords: null })
  )
}

/** Whether the key may submit anything at all; checked before a body is read. */
export function maySubmitSome(key: ApiKey): Denial | null {
  return lacksRole(key, 'submit')
}

/**
 * Listing an org's requests. The list contains those that the key may read.
 *
 * @param object the requested object; null for all that the key covers
 */
export function mayList(key: ApiKey, org: string, object: string | null): Denial | null {
  return (
    lacksRole(key, 'read') ??
    outsideOrgs(key, org) ??
    (object === null ? null : outsideObjects(key, object))
  )
}

/** One request with its receipt and result files. The key that submitted it may always read it. */
export function mayRead(key: ApiKey, request: ExistingRequest): Denial | null {
  return (
    outsideOrgs(key, request.org) ??
    (isOwn(key, request) ? null : (lacksRole(key, 'read') ?? outsideObjects(key, request.object)))
  )
}

/**
 * Approval requires a second person, so no key approves its own requests, not even an `admin`:
 * otherwise one stolen key would suffice for both.
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
 * Cancelling, or turning a plan down: allowed for keys that approve plans of this object, and for
 * the submitting key. The operation does not matter: stopping a hardDelete needs no permission for
 * one.
 */
export function mayCancel(key: ApiKey, request: ExistingRequest): Denial | null {
  return (
    outsideOrgs(key, request.org) ??
    (isOwn(key, request)
      ? null
      : (lacksRole(key, 'approve') ?? outsideObjects(key, request.object)))
  )
}

/** Changing a request's priority is allowed for keys that may cancel it and submit with the new one. */
export function mayUsePriority(key: ApiKey, priority: Priority): Denial | null {
  return outsidePriorities(key, priority)
}

/** The dashboard shows the queues of all orgs, with jobs for any object. */
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

/** Checked first: an org that the key does not cover is denied before any lookup. */
export function outsideOrgs({ name, orgs }: ApiKey, org: string): Denial | null {
  return orgs === '*' || orgs.includes(org)
    ? null
    : deny('ORG_NOT_ALLOWED', `The key ${name} is not for the org "${org}".`)
}

function outsideObjects({ name, objects }: ApiKey, object: string): Denial | null {
  return objects === '*' || objects.some((allowed) => isSameObject(allowed, object))
    ? null
    : deny('OBJECT_NOT_ALLOWED', `The key ${name} is not for the object "${object}".`)
}

function outsideOperations({ name, operations }: ApiKey, operation: Operation): Denial | null {
  return operations.includes(operation)
    ? null
    : deny('OPERATION_NOT_ALLOWED', `The key ${name} is not for the operation "${operation}".`)
}

function outsideSources({ name, sources }: ApiKey, source: StoredSource): Denial | null {
  const what = beyond(sources, source)
  return what === null ? null : deny('SOURCE_NOT_ALLOWED', `The key ${name} is not for ${what}.`)
}

/**
 * The part of a source that exceeds the permissions, as the end of a sentence; null if none does.
 */
function beyond(rights: SourceRights | '*', source: StoredSource): string | null {
  if (rights === '*') return null
  const excess = listsOf(source).map(({ list }) => beyondList(rights, list))
  return excess.find((what) => what !== null) ?? null
}

function beyondList(rights: SourceRights, list: StoredList): string | null {
  const names = rights[list.type]
  if (names === undefined) return `sources of the type "${list.type}"`
  const isAllowed = names === '*' || kindOf(list).scope?.holds(names, list)
  return isAllowed ? null : `the ${wordsForList(list)}`
}

function outsidePriorities({ name, priorities }: ApiKey, priority: Priority): Denial | null {
  return priorities.includes(priority)
    ? null
    : deny('PRIORITY_NOT_ALLOWED', `The key ${name} is not for the priority "${priority}".`)
}

/**
 * Checks how many records a request asks for. If only its plan will tell, `recordLimit` applies.
 */
function overLimit(
  { name, maxRecords }: ApiKey,
  { source, maxRecords: most }: Wanted,
): Denial | null {
  const records = countOf(source) ?? most
  return records === null || maxRecords === null || records <= maxRecords
    ? null
    : deny(
        'TOO_MANY_RECORDS',
        `The key ${name} may ask for ${maxRecords} records in a request, not ${records}.`,
      )
}

/** A list that exceeds the whole hourly or daily budget can never be accepted. */
function overBudget(key: ApiKey, { source, dryRun }: Wanted): Denial | null {
  const budget = Math.min(
    key.recordsPerHour ?? Number.POSITIVE_INFINITY,
    key.recordsPerDay ?? Number.POSITIVE_INFINITY,
  )
  const records = countOf(source)
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
