/** The parts of s3rver that tests use; the package has no types. */
declare module '@20minutes/s3rver' {
  import type { IncomingMessage, RequestListener } from 'node:http'

  interface Part {
    readonly number: number
    readonly etag: string
  }

  interface Listed {
    readonly key: string
    readonly size: number
    readonly metadata: { readonly etag: string }
  }

  export interface Store {
    getResourcePath(bucket: string, key: string | undefined, resource: string): string
    putBucket(bucket: string): Promise<unknown>
    existsObject(bucket: string, key: string): Promise<boolean>
    getBucket(bucket: string): Promise<object | null>
    getObject(
      bucket: string,
      key: string,
    ): Promise<{
      readonly metadata: { readonly etag: string }
      readonly content: { destroy(): void } | null
    } | null>
    getMetadata(bucket: string, key: string): Promise<{ readonly etag: string }>
    listObjects(
      bucket: string,
      options: { readonly prefix: string; readonly startAfter: string; readonly maxKeys: number },
    ): Promise<{ readonly objects: readonly Listed[]; readonly isTruncated: boolean }>
    putObject(object: {
      readonly bucket: string
      readonly key: string
      readonly content: unknown
      readonly metadata: object
    }): Promise<unknown>
    putObjectMultipart(bucket: string, uploadId: string, parts: readonly Part[]): Promise<unknown>
  }

  /** A Koa context. */
  export interface Context {
    readonly req: IncomingMessage
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string | undefined>>
    readonly query: Readonly<Record<string, string | undefined>>
    readonly response: { get(header: string): string }
    status: number
    body: unknown
    set(header: string, value: string): void
  }

  // biome-ignore lint/style/noDefaultExport: that is how the package exports it.
  export default class S3rver {
    constructor(options: {
      readonly directory: string
      readonly silent: boolean
      readonly vhostBuckets: boolean
      readonly allowMismatchedSignatures: boolean
    })
    readonly store: Store
    readonly middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[]
    callback(): RequestListener
    on(event: 'error', listener: (error: Error) => void): this
  }
}

declare module '@20minutes/s3rver/lib/models/error.js' {
  // biome-ignore lint/style/noDefaultExport: that is how the package exports it.
  export default class S3Error extends Error {
    constructor(code: string, message: string, detail?: Readonly<Record<string, string>>)
  }
}

declare module '@20minutes/s3rver/lib/models/account.js' {
  export const DUMMY_ACCOUNT: { createKeyPair(id: string, secret: string): void }
}
