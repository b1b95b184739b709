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
import type { SandboxCredentials } from './auth.ts'
import { parseFaultScript } from './fault-json.ts'
import type { Faults } from './faults.ts'
import { FieldError, Fields } from './fields.ts'
import type { Referee } from './referee.ts'
import { json, type Reply } from './reply.ts'
import { parseRowRules, type RowRules } from './row-rules.ts'
import { parseSettings, type SandboxSettings, type SettingsChange } from './settings.ts'

/** What both surfaces can do: this one over HTTP, and whoever holds the sandbox in-process. */
export interface Controls {
  readonly referee: Referee
  readonly faults: Faults
  setRows(rules: RowRules): void
  configure(change: SettingsChange): SandboxSettings
  expireTokens(): void
  /** Rotates what logins must show; tokens that were issued go on until they expire. */
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
      controls.setRows(parseRowRules(await bodyOf(request)))
      return DONE
    case 'PATCH settings':
      return json(200, controls.configure(parseSettings(await bodyOf(request))))
    case 'PUT credentials':
      controls.setCredentials(parseCredentials(await bodyOf(request)))
      return DONE
    case 'POST expire-tokens':
      controls.expireTokens()
      return DONE
    default:
      return undefined
  }
}

/** All or none: the whole list is parsed before the first is added. */
function addFaults(body: unknown, faults: Faults) {
  const scripts = Array.isArray(body) ? body.map(parseFaultScript) : [parseFaultScript(body)]
  return scripts.map((script) => faults.add(script))
}

function parseCredentials(value: unknown): SandboxCredentials {
  const fields = new Fields(value, 'credentials', ['clientSecret', 'jwtPublicKey'])
  const pem = fields.string('jwtPublicKey')
  return {
    clientSecret: fields.string('clientSecret'),
    jwtPublicKey: pem === undefined ? undefined : parsePublicKey(pem),
  }
}

function parsePublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw new FieldError('credentials.jwtPublicKey: expected a public key as PEM')
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}
