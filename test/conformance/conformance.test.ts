import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { openDirectory } from '../../src/shared/results/directory/store.ts'
import { runCall } from './run-call.ts'
import { runJob } from './run-job.ts'
import { CLOSING } from './scenarios/close.ts'
import { CREATING } from './scenarios/create.ts'
import { JOB_ERRORS } from './scenarios/job-errors.ts'
import { JOB_INFO } from './scenarios/job-info.ts'
import { LIMITS } from './scenarios/limits.ts'
import { LOGINS } from './scenarios/logins.ts'
import { MOVED } from './scenarios/moved.ts'
import { RESULT_FILES } from './scenarios/result-files.ts'
import { ROW_ERRORS } from './scenarios/row-errors.ts'
import { UPLOADS } from './scenarios/upload.ts'
import { SERVER_WAITS } from './scenarios/waits.ts'

/** By what is asked; a new scenario needs no code, only its place in one of the lists. */
const SCENARIOS = {
  'a login': LOGINS,
  'an org that moves': MOVED,
  'a wait that a server names': SERVER_WAITS,
  'a create': CREATING,
  'an upload': UPLOADS,
  'a close': CLOSING,
  'job info': JOB_INFO,
  'result files': RESULT_FILES,
  "a row's error": ROW_ERRORS,
  "a job's error": JOB_ERRORS,
  'limits and versions': LIMITS,
}

const folder = await mkdtemp(join(tmpdir(), 'expunge-conformance-'))
after(() => rm(folder, { recursive: true }))
const results = await openDirectory(folder)

for (const [area, scenarios] of Object.entries(SCENARIOS)) {
  describe(`${area}, as recorded:`, () => {
    for (const scenario of scenarios) {
      test(scenario.title, (t) =>
        'call' in scenario ? runCall(t, scenario) : runJob(t, scenario, results),
      )
    }
  })
}
