import { Cluster, type Redis } from 'ioredis'

/**
 * How full Redis may be, as shares of `maxmemory`. Staged bytes fill it, and only ending requests
 * frees memory, so the last part is reserved for the work that ends them.
 */

/** Above this share planning waits. */
export const PLANNING_SHARE = 0.7

/**
 * Above this share no large upload is accepted. An upload stays in Redis until its plan is made,
 * and the plan takes up to as much again: uploads alone must never block every plan.
 */
export const UPLOAD_SHARE = PLANNING_SHARE / 2

export interface Memory {
  /** Bytes; 0 if no limit is set. */
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

/** The used share of `maxmemory`, in a cluster of its fullest shard; 0 without a limit. */
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
