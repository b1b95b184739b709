/**
 * The control surface: how tests in other processes script faults and read the referee. JSON in and
 * out, no token, nothing of it is Salesforce's. Errors: 400 and 404 with `{"error": "…"}`.
 *
 *   GET    /__sandbox/stats           everything counted (RefereeStats)
 *   GET    /__sandbox/verdicts/{id}   {"id","verdicts":["DELETED",…]}: every code the id was given
 *   GET    /__sandbox/idle            answers the stats once no job is being processed
 *   GET    /__sandbox/faults          [{"id","script","seen","fired"}]
 *   POST   /__sandbox/faults          one FaultScript or a list → [{"id",…}]
 *   DELETE /__sandbox/faults[/{id}]   one or all → 204
 *   PUT    /__sandbox/rows            RowRules, from the next row on → 204
 *   PATCH  /__sandbox/settings        SandboxSettings, those that are given → the settings in force
 *   PUT    /__sandbox/credentials     {"clientSecret","jwtPublicKey":PEM}, those that are given → 204
 *   POST   /__sandbox/expire-tokens   all access tokens are worth nothing → 204
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { SandboxCredentials } from './auth.ts'
import { faultScript } from './fault-script.ts'
import type { Faults } from './faults.ts'
import { type RowRules, rowRules } from './org.ts'
import { FieldError, field, parse } from './parse.ts'
import type { Referee } from './referee.ts'
import { json, type Reply } from './reply.ts'
import { type SandboxSettings, type SettingsChange, settingsChange } from './settings.ts'

/** What both interfaces can do: this one over HTTP, and code that holds the sandbox in-process. */
export interface Controls {
  readonly referee: Referee
  readonly faults: Faults
  setRows(rules: RowRules): void
  configure(change: SettingsChange): SandboxSettings
  expireTokens(): void
  /** Rotates login credentials; issued tokens stay valid until they expire. */
  setCredentials(credentials: SandboxCredentials): void
  idle(): Promise<void>
}

const DONE: Reply = { kind: 'empty', status: 204 }

export async function control(request: IncomingMessage, controls: Controls): Promise<Reply> {
  const [, , what = '', argument] = (request.url ?? '').replace(/\?.*$/, '').split('/')
  try {
    const reply = await act(`${request.method} ${what}`, argument, request, controls)
    return reply ?? json(404, { error: `No ${request.method} ${request.url} here` })
  } catch (error) {
    const wrong = error instanceof FieldError || error instanceof SyntaxError
    if (wrong || error instanceof RangeError) return json(400, { error: error.message })
    throw error
  }
}

async function act(
  what: string,
  argument: string | undefined,
  request: IncomingMessage,
  controls: Controls,
): Promise<Reply | undefined> {
  const { referee, faults } = controls
  switch (what) {
    case 'GET stats':
      return json(200, referee.stats())
    case 'GET verdicts':
      return json(200, { id: argument, verdicts: referee.verdictsOf(argument ?? '') })
    case 'GET idle':
      await controls.idle()
      return json(200, referee.stats())
    case 'GET faults':
      return json(200, faults.list())
    case 'POST faults':
      return json(200, addFaults(await bodyOf(request), faults))
    case 'DELETE faults':
      if (argument === undefined) faults.clear()
      else if (!faults.remove(argument)) return undefined
      return DONE
    case 'PUT rows':
      controls.setRows(parse(rowRules, await bodyOf(request), 'rows'))
      return DONE
    case 'PATCH settings':
      return json(200, controls.configure(parse(settingsChange, await bodyOf(request), 'settings')))
    case 'PUT credentials':
      controls.setCredentials(parse(credentials, await bodyOf(request), 'credentials'))
      return DONE
    case 'POST expire-tokens':
      controls.expireTokens()
      return DONE
    default:
      return undefined
  }
}

/** All or none: the whole list is parsed before the first script is added. */
function addFaults(body: unknown, faults: Faults) {
  const scripts = [body].flat().map((one) => parse(faultScript, one, 'fault'))
  return scripts.map((script) => faults.add(script))
}

const credentials = field.strict({
  clientSecret: field.text.optional(),
  jwtPublicKey: field.text.transform(publicKey).optional(),
})

function publicKey(pem: string, context: z.RefinementCtx<string>): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    context.addIssue('expected a public key as PEM')
    return z.NEVER
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}
