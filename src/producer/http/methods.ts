import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { methodNotAllowed } from './http-error.ts'

/** All methods that Node parses, so that none of them leads to a 404 for an existing path. */
const REFUSABLE = METHODS.filter((method) => method !== 'CONNECT')

/** Allows routes for every method. Call it before the first of them is added. */
export function knowAllMethods(app: FastifyInstance): void {
  for (const method of REFUSABLE) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
}

/** Answers 405 on these paths for methods without a route. Call it after their routes are added. */
export function refuseOtherMethods(app: FastifyInstance, paths: Iterable<string>): void {
  void app.register((scope, _, done) => {
    for (const url of paths) {
      const allowed = REFUSABLE.filter((method) => scope.hasRoute({ method, url }))
      refuseAllBut(scope, url, allowed)
    }
    done()
  })
}

/** The same for everything below these read-only paths. */
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
  // Before any body is read, whatever its type.
  app.route({ method, url, onRequest: refuse, handler: refuse })
}
