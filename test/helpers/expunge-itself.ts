// For `node --import`: lets a program import 'expunge' as if it were installed, from the sources. The
// package's own exports lead to what is built, which tests do without.
import { registerHooks } from 'node:module'

const PRODUCER = new URL('../../src/producer/producer.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'expunge' ? PRODUCER : specifier, context),
})
