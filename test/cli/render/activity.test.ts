import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityRow } from '../../../src/cli/render/activity.ts'
import { acceptedExample, completedExample } from '../../../src/producer/http/openapi/request.ts'

const preflight = {
  ...{ sampled: 200, found: 190, active: 3 },
  byField: {
    SegmentStatus: { Active: 3, Inactive: 187 },
    PublishStatus: { none: 189, Publishing: 1 },
  },
}
const request = { ...acceptedExample.request, object: 'MarketSegment' }
const { plan } = completedExample

test('the row of active records has the counts, and says that they are of a sample', () => {
  assert.ok(plan)
  const large = { request, plan: { ...plan, accepted: 5000 }, preflight }
  assert.deepEqual(activityRow(large), [
    'Active',
    '3 of 200 sampled records (SegmentStatus Inactive 187, Active 3; PublishStatus none 189, Publishing 1)',
  ])
  const whole = { request, plan: { ...plan, accepted: 200 }, preflight }
  assert.match(activityRow(whole)?.[1] ?? '', /^3 of 200 records \(/)
})

test('an org that does not tell is named; objects without a state and plans to come have no row', () => {
  assert.ok(plan)
  const [, words] = activityRow({ request, plan, preflight: null }) ?? []
  assert.equal(words, 'unknown: the org did not tell')
  assert.equal(activityRow({ request, plan: null, preflight: null }), null)
  assert.equal(activityRow({ request: acceptedExample.request, plan, preflight: null }), null)
})
