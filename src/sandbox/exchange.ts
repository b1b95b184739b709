import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { calledInstead, falsified, paused, scripted, shortened } from './altered-reply.ts'
import type { Call } from './call.ts'
import type { ActionOf } from './fault-script.ts'
import type { Faults, Subject } from './faults.ts'
import type { Referee } from './referee.ts'
import { answered, apiError, closed, type Reply, respond } from './reply.ts'
import { UploadCut } from './upload.ts'

export interface ExchangeDeps {
  readonly faults: Faults
  readonly referee: Referee
  readonly settings: { readonly gzipResults: boolean }
  /** Carries a call out; refusals are answers too. */
  readonly perform: (call: Call) => Promise<Reply>
  readonly expireTokens: () => void
  readonly subjectOf: (call: Call) => Promise<Subject>
  /** Closes the port for this long. */
  readonly outage: (ms: number) => void
}

/** One call and its answer, changed by a fault script if one fires. */
export class Exchange {
  readonly #call: Call
  readonly #response: ServerResponse
  readonly #deps: ExchangeDeps

  constructor(call: Call, response: ServerResponse, deps: ExchangeDeps) {
    this.#call = call
    this.#response = response
    this.#deps = deps
  }

  async run(): Promise<void> {
    const { faults, referee, subjectOf } = this.#deps
    const { operation } = this.#call
    referee.received(operation)
    const subject = await subjectOf(this.#call)
    const action = faults.forCall(operation, subject)
    switch (action?.do) {
      case undefined:
        return this.#finish(await this.#perform())
      case 'answer':
        return this.#answer(action)
      case 'reset':
        return this.#reset(action)
      case 'stall':
        return this.#stall(action)
      case 'truncate': {
        const reply = await this.#perform()
        return this.#finish(reply && shortened(reply, action))
      }
      case 'lie':
        return this.#falsify(action, subject)
      case 'outage':
        referee.answered(operation, 'reset')
        this.#deps.outage(action.ms)
        return
      case 'expireTokens':
        this.#deps.expireTokens()
        return this.#finish(await this.#perform())
      default:
        throw new TypeError(`Unknown action ${JSON.stringify(action satisfies never)}`)
    }
  }

  async #answer(action: ActionOf<'answer'>): Promise<void> {
    if (action.afterBytes !== undefined && this.#call.operation === 'upload') {
      await readSome(this.#call.request, action.afterBytes)
      this.#response.setHeader('Connection', 'close')
    }
    if (action.effect) await this.#perform()
    await this.#finish(scripted(action))
  }

  /** The call takes effect, but its answer is false. */
  async #falsify(action: ActionOf<'lie'>, { object }: Subject): Promise<void> {
    if (object !== undefined) this.#deps.referee.distrust(object)
    const instead = calledInstead(this.#call, action)
    const own = await this.#perform()
    const reply = instead === undefined ? own : await this.#perform(instead)
    await this.#finish(reply && falsified(reply, action))
  }

  async #reset({ when, afterBytes = 1 }: ActionOf<'reset'>): Promise<void> {
    const cutUpload = when === 'during' && this.#call.operation === 'upload'
    const cut = cutUpload ? { ...this.#call, cutUploadAfter: afterBytes } : this.#call
    const reply = when === 'before' ? undefined : await this.#perform(cut)
    this.#deps.referee.answered(this.#call.operation, 'reset')
    if (reply && when === 'during' && !cutUpload) {
      await respond(this.#response, reply, { gzip: false, cutAfter: afterBytes })
    } else this.#call.request.socket.resetAndDestroy()
  }

  async #stall({ ms, when = 'before', afterBytes = 1 }: ActionOf<'stall'>): Promise<void> {
    const { operation, request } = this.#call
    const early = when === 'before' ? undefined : await this.#perform()
    const gone = closed(this.#response)
    const wait = () => (ms === undefined ? gone : Promise.race([gone, delay(ms)]))
    if (early && when === 'during') {
      this.#deps.referee.answered(operation, ms === undefined ? 'reset' : early.status)
      await respond(this.#response, paused(early, afterBytes, wait), { gzip: false })
      return
    }
    // An unread body would hide that the client disconnected.
    if (ms === undefined) request.resume()
    await wait()
    if (this.#response.closed) this.#deps.referee.answered(operation, 'reset')
    else await this.#finish(early ?? (await this.#perform()))
  }

  /** The call's own answer; undefined if the connection broke while it was carried out. */
  async #perform(call = this.#call): Promise<Reply | undefined> {
    try {
      return await answered(this.#deps.perform(call))
    } catch (error) {
      if (error instanceof UploadCut || call.request.socket.destroyed) return undefined
      return apiError(500, 'UNKNOWN_EXCEPTION', `The sandbox failed: ${error}`)
    }
  }

  // Counted before it is written, so that a client with the answer finds it in the stats.
  async #finish(reply: Reply | undefined): Promise<void> {
    const { operation, request } = this.#call
    const { referee, settings } = this.#deps
    referee.answered(operation, reply?.status ?? 'reset')
    if (!reply) {
      request.socket.destroy()
      return
    }
    const accepts = String(request.headers['accept-encoding'] ?? '')
    await respond(this.#response, reply, {
      gzip: settings.gzipResults && accepts.includes('gzip'),
    })
  }
}

/** Leaves the rest of a body unread. */
async function readSome(request: IncomingMessage, bytes: number): Promise<void> {
  let left = bytes
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    left -= chunk.length
    if (left <= 0) return
  }
}
