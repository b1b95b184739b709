import type { Producer } from '../../producer/producer.ts'
import { loadConfig } from '../../shared/config/config.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { pinContent } from '../../shared/store/intake/stage-source.ts'
import { type Cli, EXIT, type ExitCode, exitCodeOf } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { retryOnOutage } from '../follow.ts'
import { readInput, uploadOf } from '../input.ts'
import { catchInterrupts } from '../interrupts.ts'
import { chooseOrg } from '../org.ts'
import { summary } from '../receipt.ts'
import { connectProducer, ownRedis } from '../redis.ts'
import { toRequest, withKnownDeadline } from '../request.ts'

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
  const objects = [...config.objects.keys()]
  const producer = await connectProducer(await ownRedis(config, screen), objects)
  try {
    const meant = await pinContent(typed, { roots: config.files.roots })
    const request = await withKnownDeadline(meant, flags, producer)
    const { request: view, created } = await producer.submit(request, uploadOf(request, input))
    if (!created) screen.say(`Request ${view.id} is known already: ${view.status}.`)
    if (!flags.json) screen.answer(view.id)
    if (!flags.wait) {
      if (flags.json) screen.answerJson(view)
      return EXIT.ok
    }
    const receipt = await waitFor(producer, view.id, view.org, cli)
    if (flags.json) screen.answerJson(receipt)
    else screen.say(summary(receipt, null, screen.sayStyle))
    return exitCodeOf(receipt.status)
  } finally {
    await producer.close()
  }
}

/** The workers continue without this process: an interrupt ends only the waiting. */
async function waitFor(
  producer: Producer,
  id: string,
  org: string,
  { screen, host }: Cli,
): Promise<Receipt> {
  const { signal, forget } = catchInterrupts(host)
  screen.say(`Waiting for the receipt of ${id} …`)
  try {
    return await retryOnOutage(screen, signal)(() => producer.wait(id, { org, signal }))
  } catch (error) {
    if (!signal.aborted) throw error
    screen.say(`The request goes on without us. To look: expunge status ${id}`)
    throw signal.reason
  } finally {
    forget()
  }
}
