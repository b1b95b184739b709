import { NotWaitingError, type RequestView } from '../../producer/producer.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { approvalTable, scopeTable } from '../approval.ts'
import { actorOf, type ExitCode, exitCodeOf, InterruptedError } from '../cli.ts'
import { ask, isConfirmedByFlag } from '../confirm.ts'
import { follow, followToReceipt, isOver } from '../follow.ts'
import { followWithProgress } from '../follow-with-progress.ts'
import { orgWords } from '../render/org.ts'
import { assertChecked, planTable, question } from '../render/plan.ts'
import { textOutput } from '../screen.ts'
import { conclude } from './conclude.ts'
import { interrupted } from './interrupted.ts'
import type { RunSession } from './session.ts'

/** From the submitted request to its receipt, or to the command that continues it. */
export async function carryOut(session: RunSession): Promise<ExitCode> {
  const { interrupts } = session
  interrupts.expectSecond()
  try {
    const receipt = await decide(session)
    return exitCodeOf(receipt.status)
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
    return await interrupted(session, error, session.resumeCommand)
  }
}

/** The plan is shown and confirmed once; a request approved before is only watched. */
async function decide(session: RunSession): Promise<Receipt> {
  const { submitted } = session
  if (isOver(submitted)) return conclude(session, submitted, null)
  const planned = await follow(
    session,
    ({ status }) => status !== 'queued' && status !== 'planning',
  )
  if (!session.isPlanShown) showPlan(session, planned)
  if (isOver(planned)) return conclude(session, planned, null)
  if (planned.status === 'awaiting-approval' && !(await consent(session, planned))) {
    return conclude(session, await followToReceipt(session), null)
  }
  const { cli, flags, redis } = session
  const watched = await followWithProgress(session, {
    ...{ screen: cli.screen, quiet: flags.json === true, embedded: redis.embedded },
  })
  return conclude(session, watched.view, watched)
}

function showPlan({ cli, flags }: RunSession, view: RequestView): void {
  const { screen } = cli
  const { plan, request, status } = view
  if (plan === null || status === 'failed') return
  const { write, style } = textOutput(screen, flags)
  write(`\n${style('bold', 'Plan')}\n${planTable(plan, request, view.cost, style)}\n`)
  // Whoever is asked next sees it among the facts to decide on.
  if (!request.dryRun) return
  const scope = scopeTable(view)
  if (scope !== '') write(`\n${scope}\n`)
}

/** Approves the plan or turns it down, as answered. False if nothing will be deleted. */
async function consent(session: RunSession, view: RequestView): Promise<boolean> {
  const { flags, cli, facts, request, producer, retry } = session
  const { screen } = cli
  const { org, id } = request
  const { plan } = view
  const by = actorOf(screen.env)
  if (plan === null) throw new TypeError(`Request ${id} awaits approval without a plan.`)
  assertChecked(plan, flags)
  screen.say(await approvalTable(session.store, view, facts))
  const text = question(plan, view.request, orgWords(facts.identity))
  const answer = isConfirmedByFlag(flags, screen, text) ? 'yes' : await answerTo(text, session)
  try {
    switch (answer) {
      case 'yes':
        await retry(() => producer.approve(id, { org, by, plan: plan.sha256 }))
        return true
      case 'no':
        await retry(() => producer.decline(id, { org, by }))
        return false
      case 'elsewhere':
        screen.say('\nMeanwhile, somebody else approved or cancelled the request.')
        return true
      default:
        throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
    }
  } catch (error) {
    if (!(error instanceof NotWaitingError)) throw error
    screen.say('Somebody else approved or cancelled the request first.')
    return true
  }
}

/** Asks until the question is answered, or the request is approved or cancelled elsewhere. */
async function answerTo(text: string, session: RunSession): Promise<'yes' | 'no' | 'elsewhere'> {
  const settled = new AbortController()
  const signal = AbortSignal.any([session.signal, settled.signal])
  const answered = ask(session.cli.screen, text, { to: 'delete', signal })
  const moved = follow(
    { ...session, signal },
    ({ status, stopping }) => status !== 'awaiting-approval' || stopping !== null,
  )
  try {
    return await Promise.race([
      answered.then((isYes) => (isYes ? ('yes' as const) : ('no' as const))),
      moved.then(() => 'elsewhere' as const),
    ])
  } finally {
    settled.abort()
    await Promise.allSettled([answered, moved])
  }
}
