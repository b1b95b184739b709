/** Where a Redis is, and how it is reached. */

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** PEM texts, and the name that the server's certificate is for where that is not its host. */
export interface RedisTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

interface Login {
  readonly username?: string
  readonly password?: string
}

export type RedisPlace =
  | {
      readonly kind: 'url'
      readonly url: string
      /** For `rediss://`, where the defaults will not do. */
      readonly tls?: RedisTls
    }
  | { readonly kind: 'socket'; readonly path: string }
  | (Login & {
      readonly kind: 'sentinel'
      readonly sentinels: readonly HostAndPort[]
      readonly name: string
      readonly sentinelPassword?: string
      /** Of the servers that Sentinel names, and of the Sentinels where they are not excepted. */
      readonly tls: boolean | RedisTls
      readonly sentinelTls?: boolean
    })
  | (Login & {
      readonly kind: 'cluster'
      readonly nodes: readonly HostAndPort[]
      readonly tls: boolean | RedisTls
    })

/** What ioredis takes; undefined without TLS. */
export function tlsOptions(tls: boolean | RedisTls | undefined): RedisTls | undefined {
  return tls === true ? {} : tls || undefined
}

export function loginOf(username: string | undefined, password: string | undefined): Login {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}
