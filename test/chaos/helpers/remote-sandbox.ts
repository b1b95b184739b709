import { z } from 'zod'
import type {
  FaultScript,
  RefereeStats,
  SandboxOptions,
  SettingsChange,
} from '../../../src/sandbox/sandbox.ts'
import { startChild } from './child.ts'
import type { Scope } from './scope.ts'
import { within } from './wait.ts'

/** The sandbox in a process of its own, by its control surface. */
export interface RemoteSandbox {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  stats(): Promise<RefereeStats>
  /** Every code that each of the ids was ever given. */
  verdictsOf(ids: readonly string[]): Promise<readonly (readonly string[])[]>
  spoil(fault: FaultScript): Promise<void>
  heal(): Promise<void>
  configure(change: SettingsChange): Promise<void>
  expireTokens(): Promise<void>
}

const helloSchema = z.object({ url: z.string(), clientId: z.string(), clientSecret: z.string() })
const answerSchema = z.object({ ask: z.number(), verdicts: z.array(z.array(z.string())) })

export async function startRemoteSandbox(
  scope: Scope,
  options: SandboxOptions,
): Promise<RemoteSandbox> {
  const child = startChild(scope, 'sandbox-process', {})
  child.send(options)
  const answers = new Map<number, (verdicts: string[][]) => void>()
  const hello = Promise.withResolvers<z.output<typeof helloSchema>>()
  child.onMessage((message) => {
    const answer = answerSchema.safeParse(message)
    if (answer.success) answers.get(answer.data.ask)?.(answer.data.verdicts)
    else hello.resolve(helloSchema.parse(message))
  })
  const access = await within(30_000, 'the sandbox has started', hello.promise)
  const call = async (method: string, what: string, body?: unknown): Promise<Response> => {
    const answer = await fetch(`${access.url}/__sandbox/${what}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${what}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  return {
    ...access,
    stats: async () => (await (await call('GET', 'stats')).json()) as RefereeStats,
    verdictsOf: (ids) => {
      const ask = answers.size
      const { promise, resolve } = Promise.withResolvers<string[][]>()
      answers.set(ask, resolve)
      child.send({ ask, verdictsOf: ids })
      return within(30_000, 'verdicts from the sandbox', promise)
    },
    spoil: async (fault) => void (await call('POST', 'faults', fault)),
    heal: async () => void (await call('DELETE', 'faults')),
    configure: async (change) => void (await call('PATCH', 'settings', change)),
    expireTokens: async () => void (await call('POST', 'expire-tokens')),
  }
}
