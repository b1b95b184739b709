import type { DeletableObject } from '../shared/contract/objects.ts'
import { type Call, VERSIONS } from './call.ts'
import type { CompleteOptions } from './options.ts'
import { json, notFound, type Reply } from './reply.ts'
import type { Allowance, Quota } from './settings.ts'

/** `GET /services/data/`: the only REST resource that needs no token. */
function versions(): Reply {
  const count = VERSIONS.newest - VERSIONS.oldest + 1
  return json(
    200,
    Array.from({ length: count }, (_, at) => {
      const version = VERSIONS.oldest + at
      return { label: label(version), url: `/services/data/v${version}.0`, version: `${version}.0` }
    }),
  )
}

/** `GET /services/data/vXX.X`: the available resources, by name. */
function resources({ route, origin }: Call, { orgId, userId }: Organization): Reply {
  const base = `/services/data/v${route.version}`
  return json(200, {
    identity: `${origin}/id/${orgId}/${userId}`,
    jobs: `${base}/jobs`,
    limits: `${base}/limits`,
    query: `${base}/query`,
    queryAll: `${base}/queryAll`,
    sobjects: `${base}/sobjects`,
  })
}

/** `GET /services/data/vXX.X/limits`. */
function limits(quota: Quota): Reply {
  return json(200, {
    DailyApiRequests: pair(quota.apiRequests),
    DailyBulkApiBatches: pair(quota.bulkApiBatches),
    DailyBulkV2QueryFileStorageMB: { Max: 976_562, Remaining: 976_562 },
    DailyBulkV2QueryJobs: { Max: 10_000, Remaining: 10_000 },
  })
}

interface Counted {
  readonly records: number
}

/**
 * `GET /services/data/vXX.X/limits/recordCount?sObjects=Contact,Lead`. As in an org, the number is
 * not exact: it includes what was deleted since.
 */
function recordCount({ query }: Call, { records }: Counted): Reply {
  const names = (query.get('sObjects') ?? '').split(',').filter((name) => name !== '')
  return json(200, { sObjects: names.map((name) => ({ count: records, name })) })
}

/** The only record of the Organization object. */
export function organizationRecord({ orgId, isSandbox }: Organization) {
  return {
    Id: orgId,
    Name: 'Sandbox of Expunge',
    IsSandbox: isSandbox,
    InstanceName: 'LOCAL',
    OrganizationType: 'Enterprise Edition',
    NamespacePrefix: null,
    TrialExpirationDate: null,
  }
}

/** The user of the login; the org has no other. */
export function userRecord({ userId, username }: Organization) {
  return { Id: userId, Username: username, Name: USER_NAME, Email: username, IsActive: true }
}

/** `GET /services/data/vXX.X/sobjects/User/{id}`. */
function user(call: Call, organization: Organization): Reply {
  const { userId } = organization
  const url = `/services/data/v${call.route.version}/sobjects/User/${userId}`
  const asked = call.route.userId ?? ''
  if (asked.slice(0, 15) !== userId.slice(0, 15)) notFound()
  return json(200, { attributes: { type: 'User', url }, ...userRecord(organization) })
}

interface Described {
  readonly objects: readonly DeletableObject[]
  readonly notDeletable: readonly string[]
}

/** `GET /services/data/vXX.X/sobjects/{object}/describe`, without the fields. */
function describe({ route }: Call, { objects, notDeletable }: Described): Reply {
  const asked = route.object?.toLowerCase()
  const { name, prefix } = objects.find((one) => one.name.toLowerCase() === asked) ?? notFound()
  const url = `/services/data/v${route.version}/sobjects/${name}`
  const may = { createable: true, queryable: true, retrieveable: true, updateable: true }
  return json(200, {
    ...{
      name,
      label: name,
      labelPlural: `${name}s`,
      keyPrefix: prefix,
      custom: name.endsWith('__c'),
    },
    ...{ ...may, deletable: !notDeletable.includes(name), undeletable: true, fields: [] },
    urls: { sobject: url, describe: `${url}/describe`, rowTemplate: `${url}/{ID}` },
  })
}

const pair = (allowance: Allowance) => ({ Max: allowance.max, Remaining: allowance.remaining })

/** v68.0 is Winter '27; there are three releases a year. */
function label(version: number): string {
  const before = VERSIONS.newest - version
  return `${['Winter', 'Summer', 'Spring'][before % 3]} '${27 - Math.ceil(before / 3)}`
}

const USER_NAME = 'Sandbox Integration'

/** The org and its only user. */
type Organization = Pick<CompleteOptions, 'orgId' | 'isSandbox' | 'userId' | 'username'>

/** `GET /services/oauth2/userinfo` (OpenID Connect). */
function userinfo(url: string, { orgId, userId, username }: Organization): Reply {
  return json(200, {
    sub: `${url}/id/${orgId}/${userId}`,
    user_id: userId,
    organization_id: orgId,
    preferred_username: username,
    nickname: 'sandbox',
    name: USER_NAME,
    email: username,
    zoneinfo: 'Europe/London',
    user_type: 'STANDARD',
    active: true,
    urls: urlsOf(url),
  })
}

/** `GET /id/{orgId}/{userId}`: the URL in the `id` of a token answer. */
function identity({ origin: url, route }: Call, owner: Organization): Reply {
  const { orgId, userId, username } = owner
  if (route.orgId !== orgId || route.userId !== userId) notFound()
  return json(200, {
    id: `${url}/id/${orgId}/${userId}`,
    asserted_user: true,
    user_id: userId,
    organization_id: orgId,
    username,
    nick_name: 'sandbox',
    display_name: USER_NAME,
    email: username,
    timezone: 'Europe/London',
    urls: urlsOf(url),
    active: true,
    user_type: 'STANDARD',
    language: 'en_US',
    locale: 'en_US',
  })
}

/** The client replaces `{version}`. */
function urlsOf(url: string): object {
  const rest = `${url}/services/data/v{version}/`
  return { rest, sobjects: `${rest}sobjects/`, query: `${rest}query/`, custom_domain: url }
}

const CODE = 'INVALID_OPERATION'
const MESSAGE = 'SOAP API login() is disabled by default in this org.'

/**
 * `POST /services/Soap/u/{version}`: the login by user name and password, the default of jsforce
 * and simple-salesforce. New orgs refuse it with this fault (observed since November 2025).
 */
function soapLogin(): Reply {
  const detail = [
    '<sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault">',
    `<sf:exceptionCode>${CODE}</sf:exceptionCode>`,
    `<sf:exceptionMessage>${MESSAGE}</sf:exceptionMessage>`,
    '</sf:UnexpectedErrorFault>',
  ].join('')
  const fault = [
    `<faultcode>sf:${CODE}</faultcode>`,
    `<faultstring>${CODE}: ${MESSAGE}</faultstring>`,
    `<detail>${detail}</detail>`,
  ].join('')
  const text = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope ${NAMESPACES}><soapenv:Body><soapenv:Fault>${fault}</soapenv:Fault></soapenv:Body></soapenv:Envelope>`
  return { kind: 'text', status: 500, contentType: 'text/xml;charset=UTF-8', text }
}

const NAMESPACES = [
  'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"',
  'xmlns:sf="urn:fault.partner.soap.sforce.com"',
  'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
].join(' ')

/** The endpoints about the org and its user. */
export const orgApi = {
  versions,
  resources,
  limits,
  recordCount,
  user,
  describe,
  userinfo,
  identity,
  soapLogin,
}
