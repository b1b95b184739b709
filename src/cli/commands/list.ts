import type { Producer, RequestView } from '../../producer/producer.ts'
import { noWorkerMessage } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { type OpenOrg, withOrg } from '../org.ts'
import { pauseSentences } from '../render/org.ts'
import { requestLines } from '../render/request.ts'
import type { Screen } from '../screen.ts'

export function list(flags: Flags<'list'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withOrg(cli, flags, async (open) => {
    const views = open === null ? [] : await matching(open.producer, open.org, flags)
    if (open !== null) await reportPause(open, screen)
    if (flags.json) screen.answerJson(views)
    else if (views.length === 0) screen.say('No requests.')
    else screen.answer(requestLines(views, screen.answerStyle))
    if (open !== null && views.some((view) => !isOver(view))) await reportUnfinished(open, screen)
    return EXIT.ok
  })
}

async function reportPause({ store, org }: OpenOrg, screen: Screen): Promise<void> {
  for (const sentence of pauseSentences(org, await store.ledger.pauseState())) {
    screen.warn(sentence)
  }
}

/** Where to continue from: a run keeps its results in a directory relative to its own folder. */
async function reportUnfinished(open: OpenOrg, screen: Screen): Promise<void> {
  const { store } = open
  const idle = await noWorkerMessage(open)
  if (idle !== null) screen.warn(idle)
  const at = (await store.ledger.identity())?.resultsAt ?? null
  if (at !== null) screen.say(`Results of requests that are not over: ${at}`)
}

const PAGE = 100

/** Reads page by page: with a status filter, matching requests may be far down. */
async function matching(
  producer: Producer,
  org: string,
  { status, limit }: Flags<'list'>,
): Promise<readonly RequestView[]> {
  const found: RequestView[] = []
  for (let offset = 0; found.length < limit; offset += PAGE) {
    const page = await producer.list({ org, offset, count: PAGE })
    found.push(...page.filter((view) => status === undefined || view.status === status))
    // Expired records leave gaps in a page, so only an empty page is the end.
    if (page.length === 0) break
  }
  return found.slice(0, limit)
}
