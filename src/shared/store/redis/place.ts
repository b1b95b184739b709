/** Where a Redis is, and how to reach it. */

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** PEM texts, and the name in the server's certificate if that is not its host. */
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
      /** For `rediss://`, if the defaults do not suffice. */
      readonly tls?: RedisTls
    }
  | { readonly kind: 'socket'; readonly path: string }
  | (Login & {
      readonly kind: 'sentinel'
      readonly sentinels: readonly HostAndPort[]
      readonly name: string
      readonly sentinelPassword?: string
      /**
       * For the servers that Sentinel names, and for the Sentinels unless `sentinelTls` is false.
       */
      readonly tls: boolean | RedisTls
      readonly sentinelTls?: boolean
    })
  | (Login & {
      readonly kind: 'cluster'
      readonly nodes: readonly HostAndPort[]
      readonly tls: boolean | RedisTls
    })

/** The option for ioredis; undefined without TLS. */
export function tlsOptions(tls: boolean | RedisTls | undefined): RedisTls | undefined {
  return tls === true ? {} : tls || undefined
}

export function loginOf(username: string | undefined, password: string | undefined): Login {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}
