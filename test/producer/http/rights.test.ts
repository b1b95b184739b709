import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type ApiKey,
  type ExistingRequest,
  mayApprove,
  mayCancel,
  mayList,
  mayRead,
  maySeeDashboard,
  maySubmit,
  ROLES,
  type Role,
  recordLimit,
} from '../../../src/producer/http/rights.ts'

const ORGS = ['default', 'emea', 'apac'] as const
const OBJECTS = ['Contact', 'Lead', 'Campaign'] as const
const NAMES = ['crm', 'shop'] as const

const scope = (names: readonly string[]) =>
  fc.oneof(fc.constant('*' as const), fc.subarray([...names]))
const limit = fc.option(fc.integer({ min: 1, max: 100 }))

const anyKey: fc.Arbitrary<ApiKey> = fc.record({
  name: fc.constantFrom(...NAMES),
  roles: fc.subarray([...ROLES]).map((roles) => new Set<Role>(roles)),
  orgs: scope(ORGS),
  objects: scope(OBJECTS),
  maxRecords: limit,
  requestsPerMinute: fc.constant(60),
})
const anyRequest: fc.Arbitrary<ExistingRequest> = fc.record({
  org: fc.constantFrom(...ORGS),
  object: fc.constantFrom(...OBJECTS),
  submittedBy: fc.option(fc.constantFrom(...NAMES)),
})

/** Everything that can be asked of a key, each answered with whether it may. */
function answers(key: ApiKey, request: ExistingRequest, records: number | null) {
  const { org, object } = request
  return {
    submit: maySubmit(key, { org, object, records }) === null,
    list: mayList(key, org, null) === null,
    listObject: mayList(key, org, object) === null,
    read: mayRead(key, request) === null,
    approve: mayApprove(key, request) === null,
    cancel: mayCancel(key, request) === null,
    dashboard: maySeeDashboard(key) === null,
  }
}

const includes = (scope: readonly string[] | '*', name: string) =>
  scope === '*' || scope.includes(name)

test('a right is exactly its role within org, object and limit', () => {
  fc.assert(
    fc.property(anyKey, anyRequest, limit, (key, request, records) => {
      const { roles, orgs, objects, maxRecords } = key
      const has = (role: Role) => roles.has(role) || roles.has('admin')
      const inOrg = includes(orgs, request.org)
      const inObject = includes(objects, request.object)
      const own = request.submittedBy === key.name
      const few = records === null || maxRecords === null || records <= maxRecords
      assert.deepEqual(answers(key, request, records), {
        submit: has('submit') && inOrg && inObject && few,
        list: has('read') && inOrg,
        listObject: has('read') && inOrg && inObject,
        read: inOrg && ((own && has('submit')) || (has('read') && inObject)),
        approve: has('approve') && inOrg && inObject && !own,
        cancel: inOrg && ((own && has('submit')) || (has('approve') && inObject)),
        dashboard: has('admin') && orgs === '*' && objects === '*',
      })
    }),
    { numRuns: 1000 },
  )
})

test('more roles, orgs, objects or records never take a right away', () => {
  fc.assert(
    fc.property(anyKey, anyRequest, limit, fc.constantFrom(...ROLES), (key, request, n, role) => {
      const before = answers(key, request, n)
      for (const wider of [
        { ...key, roles: new Set([...key.roles, role]) },
        { ...key, orgs: '*' as const },
        { ...key, objects: '*' as const },
        { ...key, maxRecords: null },
      ]) {
        const after = answers(wider, request, n)
        for (const [right, may] of Object.entries(before)) {
          assert.ok(!may || Object.entries(after).some(([r, now]) => r === right && now), right)
        }
      }
    }),
  )
})

test('nobody approves what they have submitted, whatever their roles', () => {
  const own = anyRequest.map((request) => ({ ...request, submittedBy: 'crm' }))
  fc.assert(
    fc.property(anyKey, own, (key, request) =>
      assert.notEqual(mayApprove({ ...key, name: 'crm' }, request), null),
    ),
  )
})

test('a limit is never exceeded, and only ever lowered', () => {
  fc.assert(
    fc.property(anyKey, limit, (key, asked) => {
      const records = recordLimit(key, asked)
      if (records === null) return assert.deepEqual([key.maxRecords, asked], [null, null])
      assert.ok([key.maxRecords, asked].includes(records))
      assert.ok(records <= (key.maxRecords ?? records) && records <= (asked ?? records))
    }),
  )
})

test('a denial names the key and what it lacks', () => {
  const key: ApiKey = {
    name: 'crm',
    roles: new Set(['submit']),
    orgs: ['default'],
    objects: ['Contact'],
    maxRecords: 10,
    requestsPerMinute: 60,
  }
  const ask = { org: 'default', object: 'Contact', records: 10 }
  assert.equal(maySubmit(key, ask), null)
  assert.deepEqual(maySubmit(key, { ...ask, records: 11 }), {
    code: 'TOO_MANY_RECORDS',
    message: 'The key crm may ask for 10 records in a request, not 11.',
  })
  assert.equal(maySubmit(key, { ...ask, org: 'emea' })?.code, 'ORG_NOT_ALLOWED')
  assert.equal(maySubmit(key, { ...ask, object: 'Lead' })?.code, 'OBJECT_NOT_ALLOWED')
  assert.deepEqual(mayList(key, 'default', null), {
    code: 'ROLE_MISSING',
    message: 'The key crm lacks the role "read".',
  })
  const own = { org: 'default', object: 'Contact', submittedBy: 'crm' }
  assert.equal(mayApprove({ ...key, roles: new Set(['admin']) }, own)?.code, 'OWN_REQUEST')
})
