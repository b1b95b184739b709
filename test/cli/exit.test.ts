import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodeOf } from '../../src/cli/cli.ts'
import { TERMINAL_STATUSES } from '../../src/shared/contract/status.ts'

test('every terminal status has its exit code', () => {
  const codes = Object.fromEntries(TERMINAL_STATUSES.map((status) => [status, exitCodeOf(status)]))
  assert.deepEqual(codes, {
    completed: 0,
    planned: 0,
    incomplete: 1,
    refused: 3,
    cancelled: 3,
    failed: 4,
  })
})
