import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type Call, identify } from './call.ts'
import type { CallAction, Faults } from './faults.ts'
import type { Referee } from './referee.ts'
import { apiError, Refusal, type Reply } from './reply.ts'
import { closed, respond } from './respond.ts'
import { UploadCut } from './upload.ts'

export interface ServerDeps {
  readonly faults: Faults
  readonly referee: Referee
  readonly settings: { readonly gzipResults: boolean }
  /** Carries a call out; refusals are answers too. */
  readonly perform: (call: Call) => Promise<Reply>
  /** Answers under {@link CONTROL_PATH}; undefined where the control surface is off. */
  readonly control: ((request: IncomingMessage) => Promise<Reply>) | undefined
  readonly expireTokens: () => void
}

/** Everything below it is ours, nothing of Salesforce's. */
const CONTROL_PATH = '/__sandbox'

// Clients keep connections for a while; node's default of 5 s would close them under their hands.
const KEEP_ALIVE_MS = 65_000

/** The HTTP edge: tells calls apart, lets fault scripts at them, writes what comes of it. */
export function createSandboxServer(deps: ServerDeps): Server {
  const server = createServer((request, response) => {
    void serve(request, response, deps)
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  // A slow 100 MB upload is nobody's attack here.
  server.requestTimeout = 0
  return server
}

async function serve(request: IncomingMessage, response: ServerResponse, deps: ServerDeps) {
  try {
    if (deps.control && request.url?.startsWith(CONTROL_PATH)) {
      await respond(response, await answered(deps.control(request)), { gzip: false })
      return
    }
    const call = await identify(request)
    deps.referee.received(call.operation)
    const action = deps.faults.forCall(call.operation, call.route.jobId)
    await play(call, action, response, deps)
  } catch {
    // The client hung up in the middle: there is nobody left to tell.
    response.destroy()
  }
}

/** Carries out one call as the fault script wants it, if there is one. */
async function play(
  call: Call,
  action: CallAction | undefined,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  switch (action?.do) {
    case undefined:
      await finish(call, await perform(call, deps), response, deps)
      return
    case 'answer':
      if (action.effect) await perform(call, deps)
      await finish(call, scripted(action), response, deps)
      return
    case 'reset':
      await reset(call, action, response, deps)
      return
    case 'stall':
      await stall(call, action, response, deps)
      return
    case 'expireTokens':
      deps.expireTokens()
      await finish(call, await perform(call, deps), response, deps)
      return
    default:
      throw new TypeError(`Unknown action ${JSON.stringify(action satisfies never)}`)
  }
}

type Action<Do extends CallAction['do']> = Extract<CallAction, { do: Do }>

async function reset(
  call: Call,
  { when, afterBytes = 1 }: Action<'reset'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  const cutUpload = when === 'during' && call.operation === 'upload'
  const cut = cutUpload ? { ...call, cutUploadAfter: afterBytes } : call
  const reply = when === 'before' ? undefined : await perform(cut, deps)
  deps.referee.answered(call.operation, 'reset')
  if (reply && when === 'during' && !cutUpload) {
    await respond(response, reply, { gzip: false, cutAfter: afterBytes })
  } else call.request.socket.resetAndDestroy()
}

async function stall(
  call: Call,
  { ms, when = 'before' }: Action<'stall'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  const early = when === 'after' ? await perform(call, deps) : undefined
  const gone = closed(response)
  // An unread body would hide that the client hung up.
  if (ms === undefined) call.request.resume()
  await (ms === undefined ? gone : Promise.race([gone, delay(ms)]))
  if (response.closed) deps.referee.answered(call.operation, 'reset')
  else await finish(call, early ?? (await perform(call, deps)), response, deps)
}

/** The call's own answer; undefined where the connection broke while it was carried out. */
async function perform(call: Call, deps: ServerDeps): Promise<Reply | undefined> {
  try {
    return await answered(deps.perform(call))
  } catch (error) {
    if (error instanceof UploadCut || call.request.socket.destroyed) return undefined
    return apiError(500, 'UNKNOWN_EXCEPTION', `The sandbox failed: ${error}`)
  }
}

async function answered(reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

// Counted before it is written: whoever has the answer finds it in the stats.
async function finish(
  call: Call,
  reply: Reply | undefined,
  response: ServerResponse,
  { referee, settings }: ServerDeps,
): Promise<void> {
  referee.answered(call.operation, reply?.status ?? 'reset')
  if (!reply) {
    call.request.socket.destroy()
    return
  }
  const accepts = String(call.request.headers['accept-encoding'] ?? '')
  await respond(response, reply, { gzip: settings.gzipResults && accepts.includes('gzip') })
}

function scripted(action: Action<'answer'>): Reply {
  const { status, body = 'json', errorCode = 'UNKNOWN_EXCEPTION' } = action
  const message = action.message ?? 'An unexpected error occurred'
  if (action.text !== undefined) {
    const contentType = action.contentType ?? 'text/plain'
    return { kind: 'text', status, contentType, text: action.text }
  }
  if (body === 'json') return apiError(status, errorCode, message)
  if (body === 'empty') return { kind: 'empty', status }
  const text = `<html><body><h1>Error ${status}</h1><pre>reason: ${message}</pre></body></html>`
  return { kind: 'text', status, contentType: 'text/html;charset=UTF-8', text }
}
