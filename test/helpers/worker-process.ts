import { runWorkerProcess } from '../../src/worker/main.ts'

/** `expunge worker` without the command line around it; what it throws ends it with code 1. */
await runWorkerProcess(process, { version: 'test' })
process.exit(0)
