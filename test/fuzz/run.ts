import process from 'node:process'
import { OwnScope } from '../chaos/helpers/scope.ts'
import { fuzz } from './front.ts'

/**
 * The fuzz of the front for as long as somebody wants: `npm run test:fuzz`. FUZZ_PLANS says how many
 * plans are made (10,000), FUZZ_SEED repeats a run. A failure is shrunk, and shown with its seed.
 */

const plans = Number(process.env['FUZZ_PLANS'] ?? 10_000)
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
process.stdout.write(`FUZZ_SEED=${seed}, some ${plans} plans\n`)

await using scope = new OwnScope()
const began = performance.now()
const came = await fuzz(scope, { plans, seed, onProgress: (line) => process.stdout.write(line) })
const seconds = (performance.now() - began) / 1000
process.stdout.write(
  `${came.planned + came.refused} plans in ${seconds.toFixed(0)} s: ${came.planned} stood ready, ${came.refused} were refused, ` +
    'none with an id that the model does not allow.\n',
)
