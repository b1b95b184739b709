import process from 'node:process'
import { runProducerProcess } from '../../../src/producer/main.ts'
import { shiftClock } from './clocks.ts'
import { endWithParent } from './orphans.ts'

/** `expunge serve`, whose clock may be wrong. */

endWithParent()
shiftClock(process.env)
await runProducerProcess(process, { version: 'test' })
process.exit(0)
