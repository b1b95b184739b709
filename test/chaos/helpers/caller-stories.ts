import { AlreadyOverError } from '../../../src/producer/producer.ts'
import { statusReached } from '../../helpers/deletion.ts'
import { type Goods, submitGoods } from './goods.ts'
import type { Stage } from './stage.ts'
import { MIXED, ONE_AT_A_TIME, REQUEST, receipt, request, type Story, submit } from './story.ts'
import { within } from './wait.ts'

/** A caller who dies while he submits: he has no answer, and asks again. */
function submission(name: string, goods: (stage: Stage) => Goods): Story {
  return {
    name,
    org: ONE_AT_A_TIME,
    records: MIXED,
    play: async (stage) => {
      const caller = stage.startCaller({ do: 'submit', ...goods(stage) })
      await within(30_000, 'the end of a caller', caller.ended)
    },
    goOn: async (stage) => {
      const { producer, org } = stage.world
      const isAccepted = (await producer.inspect(REQUEST, { org })) !== null
      // What was accepted comes to its end without anybody asking again.
      if (isAccepted) await receipt(stage)
      const { created } = await submitGoods(producer, goods(stage))
      if (created === isAccepted)
        throw new Error(`accepted: ${isAccepted}, created again: ${created}`)
    },
  }
}

/** Its ids are entered with it, and its plan is ordered in the same step. */
const list = submission('submit', (stage) => ({ request: request(stage) }))

/** Its stop is ordered before its plan, so that there are moments when it has only the one. */
const timed = submission('submit until', (stage) => ({
  request: { ...request(stage), deadline: '2100-01-01T00:00:00Z' },
}))

/** Its bytes are staged before it is entered, and whoever dies between the two leaves them there. */
const upload = submission('upload', (stage) => ({
  request: { ...request(stage), source: { type: 'upload' } },
  csv: ['Id', ...stage.records.rows, ''].join('\n'),
}))

/** A caller who dies while he approves a plan. */
const approval: Story = {
  name: 'approve',
  org: ONE_AT_A_TIME,
  records: MIXED,
  play: async (stage) => {
    const { world } = stage
    const planner = await stage.startRescuer()
    await world.producer.submit({ ...request(stage), approval: 'required' })
    await within(30_000, 'a plan', statusReached(world, REQUEST, 'awaiting-approval'))
    await planner.stop()
    const caller = stage.startCaller({ do: 'approve', org: world.org, id: REQUEST })
    await within(30_000, 'the end of a caller', caller.ended)
  },
  goOn: async ({ world: { producer, org } }) => {
    const view = await producer.inspect(REQUEST, { org })
    if (view?.status === 'awaiting-approval') await producer.approve(REQUEST, { org })
  },
}

/** A caller who dies while he cancels: what has his answer ends, else he cancels again. */
const cancellation: Story = {
  name: 'cancel',
  org: { ...ONE_AT_A_TIME, maxInFlight: 2 },
  records: MIXED,
  faults: [{ on: 'job', times: 2, action: { do: 'hold', ms: 3000, afterRows: 4 } }],
  play: async (stage) => {
    const { world } = stage
    const first = await stage.startRescuer()
    await submit(stage)
    const { referee } = world.sandbox
    await within(
      30_000,
      'two jobs at work',
      referee.until(({ jobsAtWork }) => jobsAtWork === 2),
    )
    await first.stop()
    const caller = stage.startCaller({ do: 'cancel', org: world.org, id: REQUEST })
    await within(30_000, 'the end of a caller', caller.ended)
  },
  goOn: async (stage) => {
    const { producer, org } = stage.world
    await producer.cancel(REQUEST, { org }).catch((error: unknown) => {
      if (!(error instanceof AlreadyOverError)) throw error
    })
    const { status } = await receipt(stage)
    if (status !== 'cancelled') throw new Error(`cancelled, but it ended ${status}`)
  },
}

export const CALLER_STORIES: readonly Story[] = [list, timed, upload, approval, cancellation]
