import asyncHooks, { type AsyncHook } from 'node:async_hooks'

/**
 * One process of `npm test`: runs the tests of several files.
 *
 * The runner has an async hook that follows every promise. It finds the `describe` around a test
 * that is being declared, and the test that an uncaught error belongs to. It took 6 % of the
 * processor time, so it is switched off once all tests are declared. An uncaught error then fails
 * the process instead of one test. A file alone (`node --test`) keeps the hook. A test that a
 * `describe` declares after an `await` would miss it: await at the top of the module.
 */

const { createHook } = asyncHooks
const hooks: AsyncHook[] = []
asyncHooks.createHook = (callbacks) => {
  const hook = createHook(callbacks)
  hooks.push(hook)
  return hook
}
// It takes its hook when it is loaded.
const { test } = await import('node:test')

/**
 * The first test waits until all files are loaded: tests begin as soon as they are known, and once
 * all known ones are over the runner calls the hooks that end what the files share.
 */
export async function runTogether(files: readonly string[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
  void test(`${files.join(', ')} load`, async () => {
    const errors = await promise
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors)
  })
  const errors: unknown[] = []
  for (const file of files) {
    await import(new URL(`../${file}`, import.meta.url).href).catch((error) => errors.push(error))
  }
  asyncHooks.createHook = createHook
  for (const hook of hooks) hook.disable()
  // Without its test, the runner says the message alone.
  process.on('uncaughtExceptionMonitor', (error) => console.error(error))
  process.on('unhandledRejection', (reason) => console.error(reason))
  resolve(errors)
}
