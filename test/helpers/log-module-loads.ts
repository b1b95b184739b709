import { registerHooks } from 'node:module'

/**
 * For `node --import`: logs the loading of every module of OpenTelemetry, apart from its API,
 * which is a handful of empty functions and comes with prom-client.
 */
registerHooks({
  load: (url, context, nextLoad) => {
    if (/node_modules\/(?:@opentelemetry\/(?!api\/)|bullmq-otel\/)/.test(url)) {
      process.stderr.write(`${JSON.stringify({ msg: 'Loaded.', url })}\n`)
    }
    return nextLoad(url, context)
  },
})
