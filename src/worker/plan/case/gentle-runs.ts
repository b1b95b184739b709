import { setImmediate } from 'node:timers/promises'
import type { IdRun, IdSet } from '../../ids/id-set.ts'

/** Some 10 ms of work: locks are renewed and others served between two such goes. */
const IDS_AT_ONCE = 2 ** 18

/** The ids, ascending, with a turn for others now and then. */
export async function* gentleRuns(ids: IdSet): AsyncGenerator<IdRun> {
  let count = 0
  for (const run of ids.runs()) {
    yield run
    count += run.lows.length
    if (count < IDS_AT_ONCE) continue
    count = 0
    await setImmediate()
  }
}
