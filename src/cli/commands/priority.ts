import { PRIORITIES, type Priority } from '../../shared/contract/request.ts'
import { isTerminal } from '../../shared/contract/status.ts'
import { whyWaiting } from '../at-work.ts'
import { actorOf, type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { withRequest } from '../org.ts'

/** Changes the priority of a request that waits or runs. */
export function priority(flags: Flags<'priority'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  const wanted = priorityOf(flags.priority)
  return withRequest(cli, flags, async (open, { id, status, request: { priority: before } }) => {
    const { producer, org } = open
    if (isTerminal(status)) {
      throw new UsageError(`Request ${id} is over (${status}): its priority cannot be changed.`)
    }
    await producer.setPriority(id, wanted, { org, by: actorOf(screen.env), reason: flags.reason })
    const view = await producer.inspect(id, { org })
    if (flags.json) screen.answerJson(view)
    screen.say(
      before === wanted
        ? `Request ${id} already has the priority ${wanted}.`
        : `Request ${id} now has the priority ${wanted} instead of ${before}. ` +
            'Ingest jobs that run already are not affected.',
    )
    for (const sentence of view === null ? [] : await whyWaiting(open, view)) screen.say(sentence)
    return EXIT.ok
  })
}

function priorityOf(word: string): Priority {
  const known = PRIORITIES.find((one) => one === word.toLowerCase())
  if (known !== undefined) return known
  throw new UsageError(`Unknown priority "${word}": expected high, normal or low.`)
}
