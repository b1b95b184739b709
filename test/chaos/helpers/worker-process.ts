import process from 'node:process'
import { z } from 'zod'
import { runWorkerProcess } from '../../../src/worker/main.ts'
import { shiftClock } from './clocks.ts'
import { watchEffects } from './effects.ts'
import { endWithParent } from './orphans.ts'

/** `expunge worker` that can be made to die at an effect, or to be deaf for a while. */

const blockSchema = z.object({ blockMs: z.number() })

endWithParent()
shiftClock(process.env)
watchEffects(process.env)
process.on('message', (message) => {
  // The event loop stands still: no lock is renewed, no signal heard.
  const { blockMs } = blockSchema.parse(message)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs)
})
await runWorkerProcess(process, { version: 'test' })
process.exit(0)
