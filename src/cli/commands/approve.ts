import { NotWaitingError, type RequestView } from '../../producer/producer.ts'
import { aboutOrg } from '../../shared/store/identity.ts'
import { showForApproval } from '../approval.ts'
import { whyWaiting } from '../at-work.ts'
import { actorOf, type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { assertCanConfirm, confirm, isConfirmedByFlag } from '../confirm.ts'
import { type OpenOrg, withRequest } from '../org.ts'
import { assertChecked } from '../render/plan.ts'

/** Shows the plan, asks for confirmation, and approves it. */
export function approve(
  flags: Flags<'approve'> & Pick<Flags<'apply'>, 'as'>,
  cli: Cli,
): Promise<ExitCode> {
  const { screen } = cli
  assertCanConfirm(flags, screen, 'approve')
  // The answer may take a while; other commands must be able to use the server meanwhile.
  return withRequest(cli, { ...flags, stays: true }, async (open, view) => {
    assertWaiting(view)
    const { org, producer, redis } = open
    if (view.status === 'planned' && redis.embedded) {
      const apply = commandFor(`apply ${view.id}`, { org })
      throw new UsageError(
        `Request ${view.id} is a dry run: \`approve\` is for requests that wait for approval. ` +
          `To delete the records of its plan: ${apply}`,
      )
    }
    if (needsAnswer(view) && !(await isApproved(view, open, flags, cli))) {
      const turnDown = commandFor(`cancel ${view.id}`, { org })
      const waits = `The request still waits for approval. To reject it:\n  ${turnDown}`
      const kept = `The plan is kept until ${view.keptPlan?.until}.`
      screen.say(`Not approved. ${view.keptPlan === null ? waits : kept}`)
      return EXIT.usage
    }
    const plan = view.plan === null ? {} : { plan: view.plan.sha256 }
    const { as, reason } = flags
    const by = { by: actorOf(screen.env), reason, ...plan, ...(as === undefined ? {} : { as }) }
    const { id } = await producer.approve(view.id, { org, ...by })
    await reportApproval(open, { ...view, id }, flags, cli)
    return EXIT.ok
  })
}

/** Whether its plan waits for approval, or that of a dry run was not applied yet. */
function needsAnswer({ status, keptPlan }: RequestView): boolean {
  return status === 'awaiting-approval' || keptPlan?.appliedAs === null
}

/** A request that is being deleted was already approved; approving it again is harmless. */
function assertWaiting({ id, status, stopping, keptPlan }: RequestView): void {
  // Of a dry run whose plan is not kept, the producer says why.
  if (keptPlan !== null || status === 'planned') return
  if (stopping === null && (status === 'awaiting-approval' || status === 'deleting')) return
  const state = stopping === null ? status : 'being ended'
  throw new NotWaitingError(`Request ${id} is ${state}: it has no plan to approve.`)
}

async function isApproved(
  view: RequestView,
  { store }: OpenOrg,
  flags: Flags<'approve'>,
  cli: Cli,
): Promise<boolean> {
  const { screen } = cli
  const { id, plan } = view
  if (plan === null) throw new TypeError(`Request ${id} awaits approval without a plan.`)
  assertChecked(plan, flags)
  const identity = await aboutOrg(store)
  const text = await showForApproval(screen, store, { ...view, plan }, { identity })
  return isConfirmedByFlag(flags, screen, text) || confirm(cli, text, 'delete')
}

async function reportApproval(
  open: OpenOrg,
  { id, status }: RequestView,
  flags: Flags<'approve'>,
  { screen }: Cli,
): Promise<void> {
  const { producer, org } = open
  const view = await producer.inspect(id, { org })
  if (flags.json) screen.answerJson(view)
  const already = status === 'deleting' ? ' already, and its records are being deleted' : ''
  screen.say(
    `Request ${id} is approved${already}. To see its status:\n  ${commandFor(`status ${id}`, { org })}`,
  )
  for (const sentence of view === null ? [] : await whyWaiting(open, view)) screen.say(sentence)
}
