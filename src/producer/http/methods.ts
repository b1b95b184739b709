import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { methodNotAllowed } from './http-error.ts'

/** All that Node reads, so that none of them is mistaken for a path that does not exist. */
const REFUSABLE = METHODS.filter((method) => method !== 'CONNECT')

/** Lets routes be made for every method. To be called before the first of them. */
export function knowAllMethods(app: FastifyInstance): void {
  for (const method of REFUSABLE) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
}

/** Answers 405 on these paths for the methods that they lack. To be called after their routes. */
export function refuseOtherMethods(app: FastifyInstance, paths: Iterable<string>): void {
  void app.register((scope, _, done) => {
    for (const url of paths) {
      const allowed = REFUSABLE.filter((method) => scope.hasRoute({ method, url }))
      refuseAllBut(scope, url, allowed)
    }
    done()
  })
}

/** The same for all of what is below these paths, which are for reading alone. */
export function refuseWriting(app: FastifyInstance, paths: readonly string[]): void {
  for (const path of paths) {
    for (const url of [path, `${path}/*`]) refuseAllBut(app, url, READING)
  }
}

const READING: readonly string[] = ['GET', 'HEAD']

function refuseAllBut(app: FastifyInstance, url: string, allowed: readonly string[]): void {
  const refuse = async () => {
    throw methodNotAllowed(allowed)
  }
  const method = REFUSABLE.filter((other) => !allowed.includes(other))
  // Before any body is read, and whatever its type.
  app.route({ method, url, onRequest: refuse, handler: refuse })
}
