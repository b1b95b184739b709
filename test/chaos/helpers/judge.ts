import { join } from 'node:path'
import { auditRequest } from './audit.ts'
import type { Chaos } from './chaos.ts'
import { ageStaged, leftovers } from './leftovers.ts'
import type { Errand } from './load.ts'
import type { Place } from './place.ts'
import { auditSalesforce, isTooLate } from './referee.ts'
import { untilFine } from './wait.ts'

/** After everything has been healed: whether every account is true, and nothing is left behind. */
export async function judge(
  errands: readonly Errand[],
  place: Place,
  { tally, fail }: Chaos,
): Promise<void> {
  let deletedAsPlanned = 0
  for (const errand of errands) {
    tally.entered(errand.door)
    const { id } = errand.request
    const verdicts = await place.sandbox.verdictsOf(errand.records.accepted)
    deletedAsPlanned += verdicts.filter((codes) => codes.includes('DELETED')).length
    const complaints = await judgeOne(errand, verdicts, place, tally)
    if (complaints.length > 0) fail(`${id}: ${complaints.join('\n  ')}`)
  }
  const stats = await place.sandbox.stats()
  const violations = stats.violations.filter((violation) => !isTooLate(violation))
  tally.tooLate(stats.violations.length - violations.length)
  const told = { ...stats, violations }
  for (const complaint of auditSalesforce({
    stats: told,
    deletedAsPlanned,
    window: place.window,
  })) {
    fail(complaint)
  }
  tally.jobs(stats.jobs.length, stats.maxJobsUnseen, place.window)
}

async function judgeOne(
  { request, records }: Errand,
  verdicts: readonly (readonly string[])[],
  { producer, org, results }: Place,
  tally: Chaos['tally'],
): Promise<readonly string[]> {
  const view = await producer.inspect(request.id, { org })
  const receipt = view?.receipt
  // Whoever has none was told of before.
  if (receipt === null || receipt === undefined) return []
  if (view?.status !== receipt.status) return [`it is ${view?.status}, its receipt differs`]
  tally.settled(receipt)
  const complaints = await auditRequest({
    ...{ records, receipt, verdicts },
    folder: join(results, org, request.id),
    keepDeleted: true,
  })
  return complaints.length === 0 ? [] : [...complaints, `its receipt: ${JSON.stringify(receipt)}`]
}

/** A callback that failed is sent again after 5 s, 10 s, 20 s. */
const TOLD_WITHIN_MS = 90_000

/** Whoever asked for it must be told how each request ended. */
export async function toldOf(
  errands: readonly Errand[],
  { producer, org, receiver }: Place,
): Promise<readonly string[]> {
  const waiting = errands.filter(({ callback }) => callback).map(({ request }) => request.id)
  const views = await Promise.all(waiting.map((id) => producer.inspect(id, { org })))
  return untilFine(TOLD_WITHIN_MS, async () =>
    waiting.flatMap((id, at) => {
      const status = views[at]?.receipt?.status
      return status === undefined || receiver.heard(id).has(status)
        ? []
        : [`${id}: nobody was told that it is ${status}`]
    }),
  )
}

/** Nothing is left in Redis once the sweep finds old enough what dead processes had staged. */
export async function sweptAway({ store: { redis }, org }: Place): Promise<readonly string[]> {
  await ageStaged(redis, org)
  // A callback that failed is there until it is sent again.
  return untilFine(TOLD_WITHIN_MS, () => leftovers(redis, org))
}
