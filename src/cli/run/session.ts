import type { Producer, RequestView } from '../../producer/producer.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config.ts'
import { isTerminal, type Receipt, totalOf } from '../../shared/receipt.ts'
import type { DeletionRequest } from '../../shared/request.ts'
import type { Cli } from '../cli.ts'
import { commandToGoOn } from '../commandline.ts'
import { type ExitCode, exitCodeOf, InterruptedError, LostError } from '../exit.ts'
import { type Input, nameOf } from '../input.ts'
import type { RedisHere } from '../redis.ts'
import { counted } from '../render/numbers.ts'
import { planTable, question } from '../render/plan.ts'
import { showProgress } from '../render/progress.ts'
import type { RunFlags } from '../run.ts'
import { uploadOf } from '../upload.ts'
import { ask } from './ask.ts'
import { conclude, type Watched } from './conclusion.ts'
import { jobsAtWork } from './jobs-at-work.ts'
import type { OrgFacts } from './login.ts'
import { type Patiently, patience } from './patience.ts'

/** A run that has everything it needs. */
export interface Session {
  readonly flags: RunFlags
  readonly cli: Cli
  readonly input: Input
  readonly config: Config
  readonly redis: RedisHere
  readonly producer: Producer
  readonly facts: OrgFacts
  readonly request: DeletionRequest
  /** Aborted by an interrupt. */
  readonly signal: AbortSignal
  readonly startedAt: number
}

const LOOK_EVERY_MS = 200

/** From the request to its receipt, or to the word on how to go on. */
export async function carryOut(session: Session): Promise<ExitCode> {
  const { cli, request, signal } = session
  const { screen } = cli
  const patiently = patience(screen, signal)
  const view = await submit(session)
  const goOn = commandToGoOn(cli.argv, request.id)
  const name = screen.paintSay('bold', request.id)
  screen.say(
    isOver(view)
      ? `Request ${name} has ended already, at ${view.receipt?.finishedAt}. Nothing is done again.`
      : `Request ${name}. To go on after an interruption: ${goOn}`,
  )
  try {
    const receipt = await decide(session, view, patiently)
    return exitCodeOf(receipt.status)
  } catch (error) {
    if (error instanceof InterruptedError) await tellWhatRunsOn(session, goOn)
    throw error
  }
}

async function submit({ producer, request, input, cli }: Session): Promise<RequestView> {
  const { screen } = cli
  const upload = uploadOf(request, input)
  if (upload !== undefined) screen.say(`Reading ${nameOf(input)} …`)
  const answer = await producer.submit(request, upload)
  if (!answer.created && !isOver(answer.request)) {
    screen.say(`The request is known (${answer.request.status}) and goes on where it was.`)
  }
  return answer.request
}

/** The plan is shown and asked about once; what was approved before is only watched. */
async function decide(
  session: Session,
  submitted: RequestView,
  patiently: Patiently,
): Promise<Receipt> {
  if (isOver(submitted)) return conclude(session, submitted, null)
  const planned = await follow(
    session,
    patiently,
    ({ status }) => status !== 'queued' && status !== 'planning',
  )
  showPlan(session, planned)
  if (isOver(planned)) return conclude(session, planned, null)
  if (planned.status === 'awaiting-approval' && !(await approve(session, planned, patiently))) {
    return conclude(session, await follow(session, patiently, isOver), null)
  }
  const watched = await watch(session, planned, patiently)
  return conclude(session, watched.view, watched)
}

function showPlan({ cli, facts, flags }: Session, { plan, status }: RequestView): void {
  const { screen } = cli
  if (plan === null || status === 'failed') return
  const paint = flags.json ? screen.paintSay : screen.paintAnswer
  const write = flags.json ? screen.say : screen.answer
  write(`\n${paint('bold', 'Plan')}\n${planTable(plan, facts.limits, paint)}\n`)
}

/** False where the plan was turned down. */
async function approve(
  { flags, cli, facts, request, producer, signal }: Session,
  view: RequestView,
  patiently: Patiently,
): Promise<boolean> {
  const { screen } = cli
  const { org, id } = request
  if (view.plan === null) throw new TypeError(`Request ${id} awaits approval without a plan.`)
  const text = question(view.plan, view.request, facts.identity)
  const isYes = flags.yes === true || (await ask(screen, text, signal))
  if (flags.yes) screen.say(`${screen.paintSay('bold', text)} Yes, by --yes.`)
  await patiently(() => (isYes ? producer.approve(id, { org }) : producer.decline(id, { org })))
  return isYes
}

async function watch(
  session: Session,
  { plan }: RequestView,
  patiently: Patiently,
): Promise<Watched> {
  const { cli, flags } = session
  const total = plan?.accepted ?? 0
  const progress = showProgress(cli.screen, total, flags.json === true)
  const since = Date.now()
  let first: number | null = null
  try {
    const view = await follow(session, patiently, (now) => {
      if (now.progress !== null) {
        const done = totalOf(now.progress.outcome) + now.progress.running
        first ??= done
        progress.see(Math.min(done, total), Date.now())
      }
      return isOver(now)
    })
    return { view, records: total - (first ?? 0), ms: Date.now() - since }
  } finally {
    progress.stop()
  }
}

/** Looks at the request until `isDone` says that it has seen enough. */
async function follow(
  { producer, request, signal }: Session,
  patiently: Patiently,
  isDone: (view: RequestView) => boolean,
): Promise<RequestView> {
  const { id, org } = request
  for (;;) {
    signal.throwIfAborted()
    const view = await patiently(() => producer.inspect(id, { org }))
    if (view === null) throw new LostError(`Redis has no request ${id} any more.`)
    if (isDone(view)) return view
    await systemClock.sleep(LOOK_EVERY_MS, signal)
  }
}

function isOver({ status, receipt }: RequestView): boolean {
  return isTerminal(status) && receipt !== null
}

/** An interrupted run leaves work behind: where, and how to go on with it or look at it. */
async function tellWhatRunsOn({ cli, redis, request }: Session, goOn: string): Promise<void> {
  const { id, org } = request
  const jobs = await jobsAtWork(redis, org, id).catch(() => null)
  cli.screen.say(
    `\nInterrupted. ${jobWords(jobs)}\n  go on: ${goOn}\n  look:  expunge status ${id}`,
  )
}

function jobWords(jobs: readonly string[] | null): string {
  if (jobs === null) return 'Redis does not answer, so what is at work in Salesforce is unknown.'
  if (jobs.length === 0) return 'Nothing of it is at work in Salesforce.'
  return `${counted(jobs.length, 'ingest job')} of it may run on in Salesforce: ${jobs.join(', ')}.`
}
