import { join } from 'node:path'
import type { RequestView } from '../../../src/producer/producer.ts'
import { type Account, auditRequest } from './audit.ts'
import type { Chaos } from './chaos.ts'
import { forgottenBy, nothingForgotten } from './forgotten.ts'
import { ageStaged, leftovers } from './leftovers.ts'
import type { Errand } from './load.ts'
import type { Place } from './place.ts'
import { auditSalesforce, isTooLate } from './referee.ts'
import { auditShared, type Settled, toldDeleted } from './shared.ts'
import { untilFine } from './wait.ts'

/** After everything has been healed: whether every account is true, and nothing is left behind. */
export async function judge(
  errands: readonly Errand[],
  place: Place,
  { tally, fail }: Chaos,
): Promise<void> {
  const { producer, org, sandbox, servers, uploads, results } = place
  const views = await Promise.all(
    errands.map(({ request: { id } }) => producer.inspect(id, { org })),
  )
  const receipts = views.flatMap((view) => view?.receipt ?? [])
  const said = await sandbox.stats()
  const forgotten = servers.forgets
    ? await forgottenBy(said, receipts, uploads)
    : nothingForgotten(said)
  const deletedAsPlanned = new Set<string>()
  const settled: Settled[] = []
  for (const [at, errand] of errands.entries()) {
    tally.entered(errand.door)
    const verdicts = await sandbox.verdictsOf(errand.records.accepted)
    for (const [at, id] of errand.records.accepted.entries()) {
      if (verdicts[at]?.includes('DELETED')) deletedAsPlanned.add(id)
    }
    const view = views[at]
    // Whoever has no receipt was told of before.
    if (view === null || view === undefined || view.receipt === null) continue
    tally.settled(view.receipt)
    settled.push({ errand, receipt: view.receipt, verdicts })
    const complaints = await judgeOne(errand, view, { verdicts, forgotten: forgotten.ids }, place)
    if (complaints.length > 0) fail(`${view.id}: ${complaints.join('\n  ')}`)
  }
  const told = await toldDeleted(settled, join(results, org))
  tally.toldTogether([...told.values()].filter(({ length }) => length > 1).length)
  for (const complaint of auditShared(settled, told, forgotten.ids)) fail(complaint)
  const { stats } = forgotten
  const violations = stats.violations.filter((violation) => !isTooLate(violation))
  tally.tooLate(stats.violations.length - violations.length)
  tally.forgot(forgotten.jobs, forgotten.sentAgain)
  for (const complaint of auditSalesforce({
    stats: { ...stats, violations },
    deletedAsPlanned: deletedAsPlanned.size,
    window: servers.forgets ? Number.POSITIVE_INFINITY : place.window,
  })) {
    fail(complaint)
  }
  tally.jobs(stats.jobs.length, stats.maxJobsUnseen, place.window)
}

async function judgeOne(
  { request, records, isShared }: Errand,
  { status, receipt }: RequestView,
  known: Pick<Account, 'verdicts' | 'forgotten'>,
  { org, results }: Place,
): Promise<readonly string[]> {
  if (receipt === null) return []
  if (status !== receipt.status) return [`it is ${status}, its receipt differs`]
  const complaints = await auditRequest({
    ...{ records, receipt, isShared, ...known },
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
