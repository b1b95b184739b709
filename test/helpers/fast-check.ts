import fc from 'fast-check'

/**
 * fast-check as the tests use it: `import { fc } from '../helpers/fast-check.ts'`.
 *
 * Every run draws the same values, so that a test that passed does not fail by chance in another
 * change. `npm test -- --seed=random --runs=20` looks for new ones: 20 times as many, of a seed that
 * it prints. It sets `PROPERTY_SEED` and `PROPERTY_RUNS`, which also `node --test` of one file obeys.
 */
export { default as fc } from 'fast-check'

const SEED = Number(process.env['PROPERTY_SEED'] ?? 1)
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 1)
const REPEAT = `Repeat with: npm test -- --seed=${SEED} --runs=${RUNS} and the name of the file`

/** How often to try: `numRuns: runs(30)`, 30 times unless more are asked for. */
export const runs = (usual: number) => usual * RUNS

fc.configureGlobal({
  seed: SEED,
  numRuns: runs(100),
  reporter: (details) => {
    if (!details.failed) return
    const { errorInstance: cause } = details
    throw new Error(`${fc.defaultReportMessage(details)}\n\n${REPEAT}`, { cause })
  },
})
