import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SourceRights } from '../../../src/producer/http/api-key.ts'
import { type ApiKey, ROLES, type Role, recordLimit } from '../../../src/producer/http/api-key.ts'
import {
  type ExistingRequest,
  mayApprove,
  mayCancel,
  mayList,
  mayRead,
  mayRetry,
  maySeeDashboard,
  maySubmit,
} from '../../../src/producer/http/rights.ts'
import { OPERATIONS, PRIORITIES } from '../../../src/shared/contract/request.ts'
import { listsOf } from '../../../src/shared/contract/sources/lists.ts'
import type { StoredList, WantedList } from '../../../src/shared/contract/sources/sources.ts'
import { fc, runs } from '../../helpers/fast-check.ts'

type Wanted = Parameters<typeof maySubmit>[1]

const ORGS = ['default', 'emea', 'apac'] as const
const OBJECTS = ['Contact', 'Lead', 'Campaign'] as const
const NAMES = ['crm', 'shop'] as const

const scope = (names: readonly string[]) =>
  fc.oneof(fc.constant('*' as const), fc.subarray([...names]))
const limit = fc.option(fc.integer({ min: 1, max: 100 }))

const anySources: fc.Arbitrary<SourceRights> = fc.record(
  {
    ids: fc.constant('*' as const),
    upload: fc.constant('*' as const),
    file: fc.oneof(fc.constant('*' as const), fc.subarray(['/data/crm', '/data/shop.csv'])),
  },
  { requiredKeys: [] },
)
const anyList: fc.Arbitrary<WantedList> = fc.oneof(
  fc.integer({ min: 0, max: 120 }).map((n) => ({
    type: 'ids' as const,
    ids: Array.from({ length: n }, () => '003'),
  })),
  fc.constant({ type: 'upload' as const, column: undefined }),
  fc
    .constantFrom(
      '/data/crm/a.csv',
      '/data/crm',
      '/data/crmx/a.csv',
      '/data/shop.csv',
      'a.csv',
      '/data/crm/../x',
    )
    .map((path) => ({ type: 'file' as const, path, column: undefined })),
)
const anyMember = fc.oneof(
  anyList,
  fc.record({ list: anyList, except: anyList }).map(({ list, except }) => ({ ...list, except })),
)
const anySource: fc.Arbitrary<Wanted['source']> = fc.oneof(
  { weight: 3, arbitrary: anyMember },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        type: fc.constant('union' as const),
        of: fc.array(anyMember, { minLength: 1, maxLength: 3 }),
        except: anyList,
      },
      { requiredKeys: ['type', 'of'] },
    ),
  },
)
const anyWanted: fc.Arbitrary<Pick<Wanted, 'priority' | 'source' | 'maxRecords' | 'dryRun'>> =
  fc.record({
    priority: fc.constantFrom(...PRIORITIES),
    source: anySource,
    maxRecords: limit,
    dryRun: fc.boolean(),
  })
const anyKey: fc.Arbitrary<ApiKey> = fc.record({
  name: fc.constantFrom(...NAMES),
  roles: fc.subarray([...ROLES]).map((roles) => new Set<Role>(roles)),
  orgs: scope(ORGS),
  objects: scope(OBJECTS),
  operations: fc.subarray([...OPERATIONS]),
  sources: fc.oneof(fc.constant('*' as const), anySources),
  priorities: fc.subarray([...PRIORITIES]),
  maxRecords: limit,
  recordsPerHour: limit,
  recordsPerDay: limit,
  requestsPerMinute: fc.constant(60),
})
const anyRequest: fc.Arbitrary<ExistingRequest> = fc.record({
  org: fc.constantFrom(...ORGS),
  object: fc.constantFrom(...OBJECTS),
  operation: fc.constantFrom(...OPERATIONS),
  submittedBy: fc.option(fc.constantFrom(...NAMES)),
})

/** Everything that can be asked of a key, each answered with whether it may. */
type More = Pick<Wanted, 'priority' | 'source' | 'maxRecords' | 'dryRun'>

function answers(key: ApiKey, request: ExistingRequest, more: More) {
  const { org, object, operation } = request
  return {
    submit: maySubmit(key, { org, object, operation, ...more }) === null,
    list: mayList(key, org, null) === null,
    listObject: mayList(key, org, object) === null,
    read: mayRead(key, request) === null,
    approve: mayApprove(key, request) === null,
    cancel: mayCancel(key, request) === null,
    dashboard: maySeeDashboard(key) === null,
  }
}

function mayName(sources: ApiKey['sources'], source: Wanted['source']): boolean {
  return listsOf(source).every(({ list }) => mayNameList(sources, list))
}

function mayNameList(sources: ApiKey['sources'], source: StoredList): boolean {
  if (sources === '*') return true
  if (source.type !== 'file') return sources[source.type] === '*'
  const { file = [] } = sources
  const isCrm = source.path === '/data/crm' || source.path === '/data/crm/a.csv'
  const place = isCrm ? '/data/crm' : source.path === '/data/shop.csv' ? source.path : 'none'
  return file === '*' || file.includes(place)
}

const includes = (scope: readonly string[] | '*', name: string) =>
  scope === '*' || scope.includes(name)

test('a right is exactly its role within org, object and limit', () => {
  fc.assert(
    fc.property(anyKey, anyRequest, anyWanted, (key, request, wanted) => {
      const { roles, orgs, objects, operations, maxRecords } = key
      const has = (role: Role) => roles.has(role) || roles.has('admin')
      const inOrg = includes(orgs, request.org)
      const inObject = includes(objects, request.object)
      const own = request.submittedBy === key.name
      const { source } = wanted
      const members = source.type === 'union' ? source.of : [source]
      const named = members.flatMap((one) => (one.type === 'ids' ? [one.ids.length] : []))
      const isNamed = named.length === members.length
      const records = isNamed ? named.reduce((sum, count) => sum + count, 0) : wanted.maxRecords
      const few = records === null || maxRecords === null || records <= maxRecords
      const isFree = wanted.dryRun || !isNamed
      const fits = [key.recordsPerHour, key.recordsPerDay].every(
        (budget) => isFree || budget === null || (records ?? 0) <= budget,
      )
      const inKind =
        operations.includes(request.operation) &&
        key.priorities.includes(wanted.priority) &&
        mayName(key.sources, wanted.source)
      assert.deepEqual(answers(key, request, wanted), {
        submit: has('submit') && inOrg && inObject && inKind && few && fits,
        list: has('read') && inOrg,
        listObject: has('read') && inOrg && inObject,
        read: inOrg && ((own && has('submit')) || (has('read') && inObject)),
        approve:
          has('approve') && inOrg && inObject && operations.includes(request.operation) && !own,
        cancel: inOrg && ((own && has('submit')) || (has('approve') && inObject)),
        dashboard: has('admin') && orgs === '*' && objects === '*',
      })
    }),
    { numRuns: runs(1000) },
  )
})

test('more roles, orgs, objects or records never take a right away', () => {
  fc.assert(
    fc.property(
      anyKey,
      anyRequest,
      anyWanted,
      fc.constantFrom(...ROLES),
      (key, request, n, role) => {
        const before = answers(key, request, n)
        for (const wider of [
          { ...key, roles: new Set([...key.roles, role]) },
          { ...key, orgs: '*' as const },
          { ...key, objects: '*' as const },
          { ...key, operations: OPERATIONS },
          { ...key, sources: '*' as const },
          { ...key, priorities: PRIORITIES },
          { ...key, maxRecords: null },
          { ...key, recordsPerHour: null },
          { ...key, recordsPerDay: null },
        ]) {
          const after = answers(wider, request, n)
          for (const [right, may] of Object.entries(before)) {
            assert.ok(!may || Object.entries(after).some(([r, now]) => r === right && now), right)
          }
        }
      },
    ),
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

test('rows are retried by a key for one of their sources, within its own limit', () => {
  fc.assert(
    fc.property(anyKey, anyRequest, anyWanted, anySource, (key, request, wanted, source) => {
      const upload = { type: 'upload' as const }
      const asked = { ...request, ...wanted, source: upload }
      const may = (...sources: Wanted['source'][]) => mayRetry(key, asked, sources) === null
      assert.equal(may(wanted.source, source), may(wanted.source) || may(source))
      const free = maySubmit({ ...key, sources: '*', maxRecords: null }, asked) === null
      assert.equal(may(source), free && mayName(key.sources, source))
    }),
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
    operations: ['delete'],
    sources: { ids: '*', file: ['/data/crm'] },
    priorities: ['normal', 'low'],
    maxRecords: 10,
    recordsPerHour: 8,
    recordsPerDay: null,
    requestsPerMinute: 60,
  }
  const list = (n: number) => ({
    type: 'ids' as const,
    ids: Array.from({ length: n }, () => '003'),
  })
  const file = (path: string) => ({ type: 'file' as const, path })
  const ask: Wanted = {
    ...{ org: 'default', object: 'Contact', operation: 'delete', priority: 'normal' },
    ...{ source: list(8), maxRecords: null, dryRun: false },
  }
  assert.equal(maySubmit(key, ask), null)
  assert.deepEqual(maySubmit(key, { ...ask, source: list(11) }), {
    code: 'TOO_MANY_RECORDS',
    message: 'The key crm may ask for 10 records in a request, not 11.',
  })
  assert.deepEqual(maySubmit(key, { ...ask, source: list(9) }), {
    code: 'TOO_MANY_RECORDS',
    message: 'The key crm has a budget of 8 records, less than the 9 of this request.',
  })
  assert.deepEqual(maySubmit(key, { ...ask, operation: 'hardDelete' }), {
    code: 'OPERATION_NOT_ALLOWED',
    message: 'The key crm is not for the operation "hardDelete".',
  })
  assert.deepEqual(maySubmit(key, { ...ask, priority: 'high' }), {
    code: 'PRIORITY_NOT_ALLOWED',
    message: 'The key crm is not for the priority "high".',
  })
  assert.deepEqual(maySubmit(key, { ...ask, source: { type: 'upload' } }), {
    code: 'SOURCE_NOT_ALLOWED',
    message: 'The key crm is not for sources of the type "upload".',
  })
  assert.equal(maySubmit(key, { ...ask, source: file('/data/crm/a.csv') }), null)
  assert.deepEqual(maySubmit(key, { ...ask, source: file('/data/crm2/a.csv') }), {
    code: 'SOURCE_NOT_ALLOWED',
    message: 'The key crm is not for the file /data/crm2/a.csv.',
  })
  assert.equal(maySubmit(key, { ...ask, org: 'emea' })?.code, 'ORG_NOT_ALLOWED')
  assert.equal(maySubmit(key, { ...ask, object: 'Lead' })?.code, 'OBJECT_NOT_ALLOWED')
  assert.deepEqual(mayList(key, 'default', null), {
    code: 'ROLE_MISSING',
    message: 'The key crm lacks the role "read".',
  })
  const own = {
    org: 'default',
    object: 'Contact',
    operation: 'delete',
    submittedBy: 'crm',
  } as const
  assert.equal(mayApprove({ ...key, roles: new Set(['admin']) }, own)?.code, 'OWN_REQUEST')
})
