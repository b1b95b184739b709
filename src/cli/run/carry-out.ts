import type { RequestView } from '../../producer/producer.ts'
import { type Receipt, totalOf } from '../../shared/contract/receipt.ts'
import { commandToGoOn } from '../commandline.ts'
import { type ExitCode, exitCodeOf, InterruptedError } from '../exit.ts'
import { follow, followToReceipt, isOver } from '../follow.ts'
import { tellPauses } from '../pause/tell.ts'
import { planTable } from '../render/plan.ts'
import { showProgress } from '../render/progress.ts'
import { stoppingWords } from '../render/status.ts'
import { conclude, type Watched } from './conclusion.ts'
import { consent } from './consent.ts'
import { interrupted } from './interrupted.ts'
import { type Patiently, patience } from './patience.ts'
import type { RunSession } from './session.ts'

/** From the submitted request to its receipt, or to the word on how to go on. */
export async function carryOut(session: RunSession): Promise<ExitCode> {
  const { cli, interrupts, request, signal } = session
  const patiently = patience(cli.screen, signal)
  interrupts.expectSecond()
  try {
    const receipt = await decide(session, patiently)
    return exitCodeOf(receipt.status)
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
    return await interrupted(
      session,
      error,
      commandToGoOn(cli.argv, request.id, session.config.results.path),
    )
  }
}

/** The plan is shown and asked about once; what was approved before is only watched. */
async function decide(session: RunSession, patiently: Patiently): Promise<Receipt> {
  const { submitted } = session
  if (isOver(submitted)) return conclude(session, submitted, null)
  const planned = await follow(
    session,
    patiently,
    ({ status }) => status !== 'queued' && status !== 'planning',
  )
  showPlan(session, planned)
  if (isOver(planned)) return conclude(session, planned, null)
  if (planned.status === 'awaiting-approval' && !(await consent(session, planned, patiently))) {
    return conclude(session, await followToReceipt(session, patiently), null)
  }
  const watched = await watch(session, planned, patiently)
  return conclude(session, watched.view, watched)
}

function showPlan({ cli, facts, flags }: RunSession, { plan, status }: RequestView): void {
  const { screen } = cli
  if (plan === null || status === 'failed') return
  const paint = flags.json ? screen.paintSay : screen.paintAnswer
  const write = flags.json ? screen.say : screen.answer
  write(`\n${paint('bold', 'Plan')}\n${planTable(plan, facts.limits, paint)}\n`)
}

async function watch(
  session: RunSession,
  { plan }: RequestView,
  patiently: Patiently,
): Promise<Watched> {
  const { cli, flags, store } = session
  const total = plan?.accepted ?? 0
  const progress = showProgress(cli.screen, total, flags.json === true)
  const since = Date.now()
  let first: number | null = null
  let stopping: RequestView['stopping'] = null
  const pauses = tellPauses(store, cli.screen)
  try {
    const view = await followToReceipt(session, patiently, (now) => {
      if (now.progress !== null) {
        const done = totalOf(now.progress.outcome) + now.progress.running
        first ??= done
        progress.see(Math.min(done, total), Date.now())
      }
      if (now.stopping !== null && stopping === null) {
        stopping = now.stopping
        cli.screen.say(`The request is ${stoppingWords(stopping)}`)
      }
      pauses.look()
    })
    const { outcome } = view.receipt
    const done = outcome === null ? 0 : totalOf(outcome) - outcome.unprocessed
    return { view, records: Math.max(0, done - (first ?? 0)), ms: Date.now() - since }
  } finally {
    progress.stop()
  }
}
