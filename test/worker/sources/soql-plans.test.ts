import { after } from 'node:test'
import type { Sandbox } from '../../../src/sandbox/sandbox.ts'
import { startRedis } from '../../helpers/redis.ts'
import type { World } from '../../helpers/world.ts'
import { describePlans } from './conformance-plans.ts'

const redis = await startRedis({ after })
let sandbox: Sandbox | undefined

/** An org that has exactly the records of a CSV. */
function queryOf(world: World, bytes: Buffer) {
  sandbox = world.sandbox
  const [, ...listed] = bytes.toString().trim().split('\n')
  sandbox.setRows({ exists: 'listed', listed })
  return { source: { type: 'soql', query: 'SELECT Id FROM Contact' } } as const
}

describePlans('soql', {
  redis,
  of: async (world, bytes) => queryOf(world, bytes),
  breaking: async (world, bytes) => {
    world.sandbox.faults.add({
      on: 'queryResults',
      action: { do: 'answer', status: 400, errorCode: 'INVALID_QUERY_LOCATOR', message: 'expired' },
    })
    return { ...queryOf(world, bytes), code: 'SOURCE_NOT_READABLE' }
  },
  stalling: async (world, bytes) => {
    world.sandbox.faults.add({
      on: 'queryResults',
      action: { do: 'stall', when: 'during', afterBytes: 1000 },
    })
    return queryOf(world, bytes)
  },
  open: async () => sandbox?.referee.stats().queryJobs.filter(({ gone }) => !gone).length ?? 0,
  secondRow: null,
  sorts: true,
})
