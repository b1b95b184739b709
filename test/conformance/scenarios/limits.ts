import type { CallScenario } from '../scenario.ts'

const LIMITS_ANSWER = 'GET limits/'

export const LIMITS: readonly CallScenario[] = [
  {
    title: 'limits with per-app usage among fifty others are read',
    call: 'limits',
    exchanges: [
      {
        request: LIMITS_ANSWER,
        status: 200,
        headers: { 'sforce-limit-info': 'api-usage=19/15000; per-app-api-usage=17/250(appName=x)' },
        body: {
          ActiveScratchOrgs: { Max: 3, Remaining: 3 },
          DailyApiRequests: {
            Max: 15000,
            Remaining: 14981,
            'Ant Migration Tool': { Max: 0, Remaining: 0 },
          },
          DailyBulkApiBatches: { Max: 15000, Remaining: 14999 },
          DailyBulkV2QueryJobs: { Max: 10000, Remaining: 10000 },
        },
      },
    ],
    gives: {
      value: {
        DailyApiRequests: { max: 15000, remaining: 14981 },
        DailyBulkApiBatches: { max: 15000, remaining: 14999 },
      },
    },
  },
  {
    title: 'the older name of the bulk allowance counts',
    apiVersion: '42.0',
    call: 'limits',
    exchanges: [
      {
        request: LIMITS_ANSWER,
        status: 200,
        body: {
          DailyApiRequests: { Max: 5000, Remaining: 4990 },
          DailyBulkApiRequests: { Max: 10000, Remaining: 9999 },
        },
      },
    ],
    gives: { value: { DailyBulkApiBatches: { max: 10000, remaining: 9999 } } },
  },
  {
    title: 'limits that say nothing of bulk are unknown, not an error',
    call: 'limits',
    exchanges: [{ request: LIMITS_ANSWER, status: 200, body: { DailyApiRequests: null } }],
    gives: { value: { DailyApiRequests: null, DailyBulkApiBatches: null } },
  },
  {
    title: 'limits as text are numbers',
    call: 'limits',
    exchanges: [
      {
        ...{ request: LIMITS_ANSWER, status: 200 },
        body: {
          DailyApiRequests: { Max: '15000', Remaining: '12' },
          DailyBulkApiBatches: { Max: '15000', Remaining: '0' },
        },
      },
    ],
    gives: {
      value: {
        DailyApiRequests: { max: 15000, remaining: 12 },
        DailyBulkApiBatches: { max: 15000, remaining: 0 },
      },
    },
  },
  {
    title: 'versions as numbers and without labels are versions',
    call: 'versions',
    exchanges: [
      {
        ...{ request: 'GET /services/data/', status: 200 },
        body: [{ url: '/services/data/v66.0', version: 66 }],
      },
    ],
    gives: { value: [{ version: '66.0', label: '' }] },
  },
  {
    title: 'versions with fields of a later release are read, oldest first',
    call: 'versions',
    exchanges: [
      {
        request: 'GET /services/data/',
        status: 200,
        body: [
          { label: "Winter '21", url: '/services/data/v50.0', version: '50.0' },
          { label: "Winter '27", url: '/services/data/v68.0', version: '68.0', retired: false },
        ],
      },
    ],
    gives: { value: [{ version: '50.0' }, { version: '68.0' }] },
  },
]
