import type { FastifyInstance } from 'fastify'
import { HttpError } from './problem.ts'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const

/** Answers 405 on these paths for the methods that they lack. To be called after their routes. */
export function refuseOtherMethods(app: FastifyInstance, paths: readonly string[]): void {
  void app.register((scope, _, done) => {
    for (const url of paths) {
      const isTaken = (method: (typeof METHODS)[number]) => scope.hasRoute({ method, url })
      const allow = METHODS.filter(isTaken).join(', ')
      const refuse = async (): Promise<never> => {
        const message = `Expected one of the methods ${allow}.`
        throw new HttpError('METHOD_NOT_ALLOWED', message, { Allow: allow })
      }
      const method = METHODS.filter((other) => !isTaken(other))
      // Before any body is read, and whatever its type.
      scope.route({ method, url, onRequest: refuse, handler: refuse })
    }
    done()
  })
}
