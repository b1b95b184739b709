import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api'

/**
 * OpenTelemetry's context along the asynchronous calls of Node. A class of our own because its store
 * has to be bound to channels of `node:diagnostics_channel`, which the SDK's keeps to itself.
 */
export class AsyncContext implements ContextManager {
  readonly store = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.store.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.store.run(context, () => fn.apply(thisArg, args))
  }

  bind<T>(context: Context, target: T): T {
    if (typeof target !== 'function') return target
    const { store } = this
    return new Proxy(target, {
      apply: (fn, thisArg, args) => store.run(context, () => Reflect.apply(fn, thisArg, args)),
    })
  }

  enable(): this {
    return this
  }

  disable(): this {
    this.store.disable()
    return this
  }
}
