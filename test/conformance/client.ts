import { generateKeyPairSync } from 'node:crypto'
import type { Clock } from '../../src/shared/base/clock.ts'
import { createSalesforce, type Salesforce } from '../../src/shared/salesforce/client.ts'
import type { Credentials } from '../../src/shared/salesforce/credentials.ts'
import { type Replay, startReplay } from './replay.ts'
import type { CallScenario, JobScenario } from './scenario.ts'

/** The newest version that recordings of the reference have in full. */
const API_VERSION = '66.0'

export interface Player {
  readonly salesforce: Salesforce
  readonly replay: Replay
  readonly clock: Clock
}

export interface Scope {
  after(fn: () => void): void
}

/** The client that a worker has, before a server that answers as recorded. */
export async function play(scope: Scope, scenario: CallScenario | JobScenario): Promise<Player> {
  const { apiVersion = API_VERSION, login = 'client-credentials', exchanges } = scenario
  const replay = await startReplay(scope, exchanges, apiVersion)
  const clock = skippingClock()
  const credentials = credentialsOf(login, replay.url)
  const salesforce = createSalesforce({ credentials, apiVersion, clock })
  scope.after(() => salesforce.close())
  return { salesforce, replay, clock }
}

function credentialsOf(login: 'client-credentials' | 'jwt', loginUrl: string): Credentials {
  const clientId = 'the-consumer-key'
  if (login === 'client-credentials') {
    return { kind: login, loginUrl, clientId, clientSecret: 'the-consumer-secret' }
  }
  privateKey ??= newPrivateKey()
  return {
    ...{ kind: login, loginUrl, clientId, username: 'robot@example.com', audience: loginUrl },
    privateKey,
  }
}

/** One for all scenarios: a key takes a tenth of a second. */
let privateKey: string | undefined

function newPrivateKey(): string {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Nobody waits: a sleep is over at once, and it is so much later. */
function skippingClock(): Clock {
  let now = Date.UTC(2026, 0, 2)
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      now += ms
    },
  }
}
