import type { Producer, RequestView } from '../../producer/producer.ts'
import { orgWaiting, readOrgState } from '../../shared/store/waiting.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { type OpenOrg, withOrg } from '../org.ts'
import { requestLines } from '../render/request.ts'
import { waitingSentences } from '../render/waiting.ts'
import type { Screen } from '../screen.ts'

export function list(flags: Flags<'list'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withOrg(cli, flags, async (open) => {
    const views = open === null ? [] : await matching(open.producer, open.org, flags)
    if (open !== null) await reportWaiting(open, views, screen)
    if (flags.json) screen.answerJson(views)
    else if (views.length === 0) screen.say('No requests.')
    else screen.answer(requestLines(views, screen.answerStyle))
    if (open !== null && views.some((view) => !isOver(view))) await reportResults(open, screen)
    return EXIT.ok
  })
}

/** Pauses of the org, and that nobody works on the requests that need a worker or a run. */
async function reportWaiting(
  { store, org, redis: { embedded } }: OpenOrg,
  views: readonly RequestView[],
  screen: Screen,
): Promise<void> {
  const isIdle = ({ waiting }: RequestView) => waiting.some(({ reason }) => reason === 'no-worker')
  const state = await readOrgState(store)
  const waiting = orgWaiting({ ...state, workers: views.some(isIdle) ? 0 : 1 })
  for (const sentence of waitingSentences(waiting, { org, embedded })) screen.warn(sentence)
}

/** Where to continue from: a run keeps its results in a directory relative to its own folder. */
async function reportResults({ store }: OpenOrg, screen: Screen): Promise<void> {
  const at = (await store.ledger.identity())?.resultsAt ?? null
  if (at !== null) screen.say(`Results of unfinished requests: ${at}`)
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
