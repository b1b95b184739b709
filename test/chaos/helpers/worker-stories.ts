import { totalOf } from '../../../src/shared/contract/receipt.ts'
import type { Child } from './child.ts'
import { recordsOf } from './records.ts'
import type { Stage } from './stage.ts'
import { MIXED, ONE_AT_A_TIME, REQUEST, receipt, type Story, submit } from './story.ts'
import { within } from './wait.ts'

/** A whole deletion by one worker. */
const deletion: Story = {
  name: 'worker',
  org: ONE_AT_A_TIME,
  records: MIXED,
  keepDeleted: true,
  play: async (stage) => {
    const victim = await stage.startWorker()
    await submit(stage)
    await endOfPart(stage, victim)
  },
}

/** A worker that is told to stop while jobs run, and dies while it hands them over. */
const handOver: Story = {
  name: 'hand-over',
  org: { ...ONE_AT_A_TIME, maxInFlight: 3 },
  records: MIXED,
  only: /hand-/,
  faults: [{ on: 'job', times: 3, action: { do: 'hold', ms: 2500 } }],
  play: async (stage) => {
    const victim = await stage.startWorker()
    await submit(stage)
    await atWork(stage, victim, 3)
    victim.kill('SIGTERM')
    await within(10_000, 'an end after SIGTERM', victim.ended)
  },
}

/** A worker that dies while it ends a request that was cancelled with a job at work. */
const stopping: Story = {
  name: 'cancelled',
  org: ONE_AT_A_TIME,
  records: MIXED,
  faults: [{ on: 'job', times: 1, action: { do: 'hold', ms: 5000, afterRows: 4 } }],
  play: async (stage) => {
    const { producer, org } = stage.world
    const victim = await stage.startWorker()
    await submit(stage)
    await atWork(stage, victim, 1)
    await producer.cancel(REQUEST, { org })
    await endOfPart(stage, victim)
  },
}

/** A worker that dies while it aborts a job of which a row seems to have failed, where none may. */
const suspecting = (name: string, fate: 'failing' | 'gone'): Story => ({
  name,
  org: ONE_AT_A_TIME,
  records: recordsOf({ count: 16, from: 2000, [fate]: [1] }),
  faults: [{ on: 'job', times: 1, action: { do: 'hold', ms: 5000, afterRows: 4 } }],
  play: async (stage) => {
    const victim = await stage.startWorker()
    await submit(stage, { maxFailureRatio: 0 })
    await endOfPart(stage, victim)
  },
})

/** Requests that ask for some of the same ids, by the positions of these. */
const FELLOWS: Readonly<Record<string, readonly [number, number]>> = {
  'fellow-1': [0, 4],
  'fellow-2': [2, 5],
}

/** A worker that dies with a job that three requests share; it departs once all of them wait. */
const sharing: Story = {
  name: 'shared',
  org: ONE_AT_A_TIME,
  records: recordsOf({ count: 8, from: 3000, failing: [1], gone: [2], locked: [7] }),
  keepDeleted: true,
  coalesce: { below: 100, fill: 8 + 4 + 3, waitMs: 30_000, highWaitMs: 30_000 },
  play: async (stage) => {
    const { producer, org } = stage.world
    const victim = await stage.startWorker()
    await submit(stage, { coalesce: true })
    for (const [id, positions] of Object.entries(FELLOWS)) {
      const ids = stage.records.accepted.slice(...positions)
      await producer.submit({ id, org, object: 'Contact', source: { type: 'ids', ids } })
    }
    await endOfPart(stage, victim)
  },
  goOn: async ({ world: { producer, org } }) => {
    for (const [id, [from, to]] of Object.entries(FELLOWS)) {
      const { outcome } = await within(60_000, `a receipt of ${id}`, producer.wait(id, { org }))
      if (outcome !== null && totalOf(outcome) === to - from) continue
      throw new Error(`${id} accounts for ${JSON.stringify(outcome)}, not for ${to - from} ids.`)
    }
  },
}

export const WORKER_STORIES: readonly Story[] = [
  deletion,
  sharing,
  handOver,
  stopping,
  suspecting('brake', 'failing'),
  suspecting('refuted', 'gone'),
]

/** Resolves once so many jobs are at work, or the worker has died. */
async function atWork({ world: { sandbox } }: Stage, victim: Child, jobs: number): Promise<void> {
  const reached = sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === jobs)
  await within(30_000, `${jobs} jobs at work`, Promise.race([reached, victim.ended]))
}

/** It dies, or the request has its receipt and it stops as on any other day. */
async function endOfPart(stage: Stage, victim: Child): Promise<void> {
  const settled = receipt(stage).then(() => null)
  const ended = await within(60_000, 'death or receipt', Promise.race([victim.ended, settled]))
  if (ended !== null) return
  // Some of its effects come after the receipt.
  await within(1000, 'death', victim.ended).catch(() => victim.kill('SIGTERM'))
  await within(10_000, 'an end after SIGTERM', victim.ended)
}
