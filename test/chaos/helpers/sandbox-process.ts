import { once } from 'node:events'
import process from 'node:process'
import { z } from 'zod'
import { startSandbox } from '../../../src/sandbox/sandbox.ts'
import { endWithParent } from './orphans.ts'
import { SHARED } from './records.ts'

/**
 * The referee, in a process that nobody kills. The first message are its options; rules of a
 * hundred thousand ids fit in no environment. Beside its control surface it answers in bulk.
 */

const askSchema = z.object({ verdictsOf: z.array(z.string()), ask: z.number() })

endWithParent()
const [options] = await once(process, 'message')
const sandbox = await startSandbox(options)
// Whoever asks for a record that another has had deleted is right to have it sent again.
sandbox.referee.distrust(SHARED.object)
process.on('message', (message) => {
  const { verdictsOf, ask } = askSchema.parse(message)
  process.send?.({ ask, verdicts: verdictsOf.map((id) => sandbox.referee.verdictsOf(id)) })
})
process.send?.({ url: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret })
