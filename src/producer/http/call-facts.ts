import type { FastifyRequest } from 'fastify'

/** What a call turns out to be on its way, for its line in the log. */
interface CallFacts {
  /** The name of the key that it bears. */
  readonly key?: string
  /** Of the problem that it was answered with. */
  readonly code?: string
}

const known = new WeakMap<FastifyRequest, CallFacts>()

export function addFacts(call: FastifyRequest, facts: CallFacts): void {
  known.set(call, { ...known.get(call), ...facts })
}

export function factsOf(call: FastifyRequest): CallFacts {
  return known.get(call) ?? {}
}
