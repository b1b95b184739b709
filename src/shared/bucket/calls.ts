import { effect } from '../base/trace.ts'
import { type ClientOptions, createClient } from './client.ts'
import { toBucketError } from './errors.ts'
import type { BucketSettings } from './settings.ts'

type Client = Awaited<ReturnType<typeof createClient>>
type Sdk = Client['sdk']
export type Send<T> = (
  s3: Client['s3'],
  sdk: Sdk,
  options: { abortSignal?: AbortSignal },
) => Promise<T>

/** Calls to one bucket, with errors in our own words. */
export class Calls {
  readonly settings: BucketSettings
  /** Every command names its bucket. */
  readonly place: { readonly Bucket: string }
  readonly #client: Promise<Client>
  readonly #signal: AbortSignal | undefined

  /** Opens no connection yet. */
  constructor(settings: BucketSettings, options: ClientOptions) {
    this.settings = settings
    this.place = { Bucket: settings.bucket }
    this.#signal = options.signal
    this.#client = createClient(settings, options)
    // A failure is thrown by the first call.
    this.#client.catch(() => {})
  }

  /** @throws BucketError, or the signal's reason if it aborts */
  async read<T>(key: string | null, own: AbortSignal | undefined, send: Send<T>): Promise<T> {
    const signal = this.#until(own)
    signal?.throwIfAborted()
    try {
      const { sdk, s3 } = await this.#client
      return await send(s3, sdk, signal === undefined ? {} : { abortSignal: signal })
    } catch (error) {
      throw this.failure(key, signal, error)
    }
  }

  /** The same for a call that changes the bucket. */
  change<T>(name: string, key: string, signal: AbortSignal | undefined, send: Send<T>): Promise<T> {
    return effect(`bucket:${name}`, () => this.read(key, signal, send))
  }

  /** What to throw for an error of the SDK. */
  failure(key: string | null, own: AbortSignal | undefined, error: unknown): unknown {
    const signal = this.#until(own)
    return signal?.aborted ? signal.reason : toBucketError(error, { settings: this.settings, key })
  }

  #until(own: AbortSignal | undefined): AbortSignal | undefined {
    if (own === undefined || this.#signal === undefined) return own ?? this.#signal
    return AbortSignal.any([own, this.#signal])
  }

  /** An object of the bucket, as the source of a copy. */
  sourceOf(key: string): string {
    return [this.settings.bucket, ...key.split('/')].map(encodeURIComponent).join('/')
  }

  async close(): Promise<void> {
    const client = await this.#client.catch(() => null)
    client?.close()
  }
}
