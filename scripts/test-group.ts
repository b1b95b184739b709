import { test } from 'node:test'

/**
 * One process of `npm test`: runs the tests of several files.
 *
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
  resolve(errors)
}
