import { Cluster, type Redis } from 'ioredis'

/**
 * How full Redis may be, as shares of `maxmemory`. What is staged fills it, and only requests that
 * end make room, so the last part is kept for the work that brings them to their end.
 */

/** Above this planning waits. */
export const PLANNING_SHARE = 0.7

/**
 * Above this no large upload is taken in. It lies in Redis until its plan is made, and the plan
 * takes up to as much again: uploads alone must never keep every plan waiting.
 */
export const UPLOAD_SHARE = PLANNING_SHARE / 2

export interface Memory {
  /** Bytes; 0 where no limit is set. */
  readonly maxMemory: number
  readonly usedMemory: number
}

export function isFuller({ maxMemory, usedMemory }: Memory, share: number): boolean {
  return maxMemory > 0 && usedMemory > maxMemory * share
}

/** `40 MiB of maxmemory 50 MiB are used`. */
export function showMemory({ maxMemory, usedMemory }: Memory): string {
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
  return `${mib(usedMemory)} of maxmemory ${mib(maxMemory)} are used`
}

/** The share of `maxmemory` that is used, of a cluster its fullest shard's; 0 where there is none. */
export async function memoryRatio(redis: Redis | Cluster): Promise<number> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const shares = servers.map(async (server) => {
    const info = await server.info('memory')
    const most = numberIn(info, 'maxmemory')
    return most === 0 ? 0 : numberIn(info, 'used_memory') / most
  })
  return Math.max(0, ...(await Promise.all(shares)))
}

function numberIn(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
}
