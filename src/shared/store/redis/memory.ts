import { Cluster, type Redis } from 'ioredis'

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
