import type { Producer, RequestView } from '../../producer/producer.ts'
import { type Config, loadConfig } from '../../shared/config/config.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { pinContent } from '../../shared/store/intake/stage-source.ts'
import { scopeTable } from '../approval.ts'
import { actorOf, type Cli, catchInterrupts, EXIT, type ExitCode, exitCodeOf } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { followWithProgress } from '../follow-with-progress.ts'
import { readInput, uploadOf } from '../input.ts'
import { chooseOrg } from '../org.ts'
import { retryOnOutage } from '../outage.ts'
import { summary } from '../receipt.ts'
import { type CommandRedis, connectProducer, ownRedis, withAddress } from '../redis.ts'
import { planTable } from '../render/plan.ts'
import { applyLine, retryLine } from '../render/request.ts'
import { waitingSentences } from '../render/waiting.ts'
import { toRequest, withKnownDeadline } from '../request.ts'
import type { Screen } from '../screen.ts'

/**
 * Submits a request to the workers, together with the bytes of a CSV, because no worker sees this
 * disk.
 */
export async function submit(flags: Flags<'submit'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  const input = await readInput(flags, screen.stdin)
  const config = await loadConfig(screen.env, { redis: 'required', salesforce: 'none' })
  for (const warning of config.warnings) screen.say(warning)
  const typed = toRequest(flags, input, {
    org: chooseOrg(config, flags.org),
    approval: flags.approval ?? 'auto',
    coalesce: true,
    acceptUnchecked: flags.acceptUnchecked === true,
    fileSeenByPlanner: false,
    ...(flags.callbackUrl === undefined ? {} : { callbackUrl: flags.callbackUrl }),
  })
  const redis = await ownRedis(config, screen)
  return withAddress(redis, async () => {
    const producer = await connectProducer(redis, [...config.objects.keys()])
    try {
      return await submitBy(producer, typed, input, { flags, cli, config, redis })
    } finally {
      await producer.close()
    }
  })
}

interface Submission {
  readonly flags: Flags<'submit'>
  readonly cli: Cli
  readonly config: Config
  readonly redis: CommandRedis
}

async function submitBy(
  producer: Producer,
  typed: ReturnType<typeof toRequest>,
  input: Awaited<ReturnType<typeof readInput>>,
  { flags, cli, config, redis }: Submission,
): Promise<ExitCode> {
  const { screen } = cli
  const meant = await pinContent(typed, { roots: config.files.roots })
  const request = await withKnownDeadline(meant, flags, producer)
  const { request: view, created } = await producer.submit(request, uploadOf(request, input), {
    submittedBy: actorOf(screen.env),
  })
  if (!created) screen.say(`Request ${view.id} is known already: ${view.status}.`)
  if (!flags.json) screen.answer(view.id)
  if (!flags.wait) {
    if (flags.json) screen.answerJson(view)
    const place = { org: view.org, id: view.id, embedded: false }
    for (const sentence of waitingSentences(view.waiting, place)) screen.warn(sentence)
    return EXIT.ok
  }
  const receipt = await waitFor(view, { cli, producer, redis, quiet: flags.json === true })
  const ended = request.dryRun ? await producer.inspect(view.id, { org: view.org }) : null
  if (flags.json) screen.answerJson(receipt)
  else {
    if (ended?.status === 'planned') sayPlan(screen, ended)
    screen.say(summary(receipt, null, screen.sayStyle))
  }
  const next = retryLine(receipt)
  if (next !== '' && !flags.json) screen.say(next)
  if (ended?.keptPlan) screen.say(applyLine(ended, Date.now()))
  return exitCodeOf(receipt.status)
}

function sayPlan({ say, sayStyle }: Screen, view: RequestView): void {
  const { plan, request } = view
  if (plan === null) return
  say(`${sayStyle('bold', 'Plan')}\n${planTable(plan, request, view.cost, sayStyle)}`)
  const scope = scopeTable(view)
  if (scope !== '') say(scope)
}

interface WaitingFor {
  readonly cli: Cli
  readonly producer: Producer
  readonly redis: CommandRedis
  readonly quiet: boolean
}

/** The workers continue without this process: an interrupt ends only the waiting. */
async function waitFor(
  { id, org }: RequestView,
  { cli: { screen, host }, producer, redis, quiet }: WaitingFor,
): Promise<Receipt> {
  const { signal, forget } = catchInterrupts(host)
  const retry = retryOnOutage(screen, redis, signal)
  screen.say(`Waiting for the receipt of ${id} …`)
  try {
    const followed = { producer, request: { id, org }, signal, retry }
    const { view } = await followWithProgress(followed, { screen, quiet, embedded: false })
    return view.receipt
  } catch (error) {
    if (!signal.aborted) throw error
    screen.say(
      `The request continues without this command. To look: ${commandFor(`status ${id}`, { org })}`,
    )
    throw signal.reason
  } finally {
    forget()
  }
}
