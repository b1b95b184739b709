import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RedisClient } from '../../src/shared/store/redis/redis.ts'

/** What a real server comes to refuse, and how it comes back to its senses; by the error's code. */
export const REFUSALS = {
  REDIS_FULL: {
    begin: (admin: RedisClient) => admin.config('SET', 'maxmemory', 1),
    end: (admin: RedisClient) => admin.config('SET', 'maxmemory', 0),
  },
  /** As after a failover: the server follows another, which is not there. */
  REDIS_READ_ONLY: {
    begin: (admin: RedisClient) => admin.call('REPLICAOF', '127.0.0.1', '1'),
    end: (admin: RedisClient) => admin.call('REPLICAOF', 'NO', 'ONE'),
  },
  REDIS_NOT_WRITING: {
    begin: async (admin: RedisClient) => {
      // A folder where the snapshot is to be: its disk might as well be full.
      await mkdir(await snapshotOf(admin))
      await admin.config('SET', 'save', '3600 1')
      await admin.set('changed', 1)
      await snapshot(admin, 'err')
    },
    end: async (admin: RedisClient) => {
      await rmdir(await snapshotOf(admin))
      await snapshot(admin, 'ok')
    },
  },
} as const

async function snapshotOf(admin: RedisClient): Promise<string> {
  return join(await setting(admin, 'dir'), await setting(admin, 'dbfilename'))
}

async function setting(admin: RedisClient, name: string): Promise<string> {
  const answer = await admin.config('GET', name)
  return Array.isArray(answer) ? String(answer[1]) : ''
}

async function snapshot(admin: RedisClient, status: 'ok' | 'err'): Promise<void> {
  await admin.bgsave()
  while (!(await admin.info('persistence')).includes(`rdb_last_bgsave_status:${status}`)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
