import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type Call, identify } from './call.ts'
import type { CallAction } from './fault-script.ts'
import type { Faults, Subject } from './faults.ts'
import { calledInstead, untrue } from './lies.ts'
import type { Referee } from './referee.ts'
import { apiError, Refusal, type Reply } from './reply.ts'
import { closed, respond } from './respond.ts'
import { pausing, scripted, shortened } from './spoilt.ts'
import { UploadCut } from './upload.ts'

interface ServerDeps {
  readonly faults: Faults
  readonly referee: Referee
  readonly settings: { readonly gzipResults: boolean }
  /** Carries a call out; refusals are answers too. */
  readonly perform: (call: Call) => Promise<Reply>
  /** Answers under {@link CONTROL_PATH}; undefined where the control surface is off. */
  readonly control: ((request: IncomingMessage) => Promise<Reply>) | undefined
  readonly expireTokens: () => void
  readonly subjectOf: (call: Call) => Promise<Subject>
  /** Shuts the port for so long. */
  readonly outage: (ms: number) => void
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
    const action = deps.faults.forCall(call.operation, await deps.subjectOf(call))
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
      await answer(call, action, response, deps)
      return
    case 'reset':
      await reset(call, action, response, deps)
      return
    case 'stall':
      await stall(call, action, response, deps)
      return
    case 'truncate':
      await truncate(call, action, response, deps)
      return
    case 'lie':
      await lie(call, action, response, deps)
      return
    case 'outage':
      deps.referee.answered(call.operation, 'reset')
      deps.outage(action.ms)
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

async function answer(
  call: Call,
  action: Action<'answer'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  if (action.afterBytes !== undefined && call.operation === 'upload') {
    await readSome(call.request, action.afterBytes)
    response.setHeader('Connection', 'close')
  }
  if (action.effect) await perform(call, deps)
  await finish(call, scripted(action), response, deps)
}

/** Leaves the rest of a body unread. */
async function readSome(request: IncomingMessage, bytes: number): Promise<void> {
  let left = bytes
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    left -= chunk.length
    if (left <= 0) return
  }
}

async function truncate(
  call: Call,
  action: Action<'truncate'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  const reply = await perform(call, deps)
  await finish(call, reply && shortened(reply, action), response, deps)
}

async function lie(
  call: Call,
  action: Action<'lie'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  const { object } = await deps.subjectOf(call)
  if (object !== undefined) deps.referee.lied(object)
  const instead = calledInstead(call, action)
  // The call takes effect, whatever is told.
  const own = await perform(call, deps)
  const reply = instead === undefined ? own : await perform(instead, deps)
  await finish(call, reply && untrue(reply, action), response, deps)
}

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
  { ms, when = 'before', afterBytes = 1 }: Action<'stall'>,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  const early = when === 'before' ? undefined : await perform(call, deps)
  const gone = closed(response)
  const wait = () => (ms === undefined ? gone : Promise.race([gone, delay(ms)]))
  if (early && when === 'during') {
    deps.referee.answered(call.operation, ms === undefined ? 'reset' : early.status)
    await respond(response, pausing(early, afterBytes, wait), { gzip: false })
    return
  }
  // An unread body would hide that the client hung up.
  if (ms === undefined) call.request.resume()
  await wait()
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
