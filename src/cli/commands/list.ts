import type { Producer, RequestView } from '../../producer/producer.ts'
import { hasLabels, type Labels, parseLabels } from '../../shared/contract/labels.ts'
import { orgKeys } from '../../shared/store/ledger/keys.ts'
import { ledgersOn } from '../../shared/store/ledgers.ts'
import { orgWaiting, readOrgState } from '../../shared/store/waiting.ts'
import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { namedInCommands, type OpenOrg, withOrg } from '../org.ts'
import { stateLine } from '../render/request.ts'
import { requestLines } from '../render/request-list.ts'
import { waitingSentences } from '../render/waiting.ts'
import type { Screen } from '../screen.ts'
import { assertWatching, watch } from '../watch.ts'

export function list(flags: Flags<'list'>, cli: Cli): Promise<ExitCode> {
  assertWatching(flags)
  const wanted = { ...flags, labels: parseLabels(flags.label ?? []) }
  if (flags.watch) return watchList(wanted, cli)
  const { screen } = cli
  return withOrg(cli, flags, async (open) => {
    const { views, own, held, table } = await read(open, wanted, screen)
    for (const sentence of held) screen.warn(sentence)
    if (flags.json) screen.answerJson(views)
    else if (views.length === 0) screen.say(table)
    else screen.answer(table)
    if (open !== null && own.some((view) => !isOver(view))) await reportResults(open, screen)
    return EXIT.ok
  })
}

/** What was asked for, checked even where there is nothing to look through. */
interface Wanted extends Flags<'list'> {
  readonly labels: Labels
}

function watchList(wanted: Wanted, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return watch(wanted, cli, (look) =>
    withOrg(cli, wanted, async (open) => {
      if (open === null) throw new UsageError('No request was ever made on this machine.')
      return look(open, async () => {
        const { views, held, table } = await read(open, wanted, screen)
        const warnings = held.map((sentence) => screen.answerStyle('yellow', `! ${sentence}`))
        return {
          text: () => [...warnings, table].join('\n'),
          lines: views.toReversed().map((view) => [view.id, stateLine(view)]),
          json: views,
          end: null,
        }
      })
    }),
  )
}

interface Listed {
  readonly views: readonly RequestView[]
  /** Those of the chosen org. */
  readonly own: readonly RequestView[]
  /** Why nothing happens to them, one sentence each. */
  readonly held: readonly string[]
  readonly table: string
}

async function read(open: OpenOrg | null, wanted: Wanted, screen: Screen): Promise<Listed> {
  if (open === null) return { views: [], own: [], held: [], table: NOTHING }
  const orgs = await orgsOf(open, wanted)
  const views = await newest(open.producer, orgs, wanted)
  const own = views.filter(({ org }) => org === open.org)
  const lines = orgs.length === 1 ? linesOf : linesByOrg
  const table = views.length === 0 ? NOTHING : lines(views, screen)
  return { views, own, held: await heldBack(open, orgs, views), table }
}

const NOTHING = 'No requests.'

/** The named org, or all that have a ledger in the embedded server of this machine. */
async function orgsOf({ redis, store, org }: OpenOrg, flags: Flags<'list'>) {
  if (!redis.embedded || flags.org !== undefined) return [org]
  const ledgers = (await ledgersOn(store.redis).all()).map((ledger) => ledger.org)
  return ledgers.length === 0 ? [org] : ledgers
}

async function newest(
  producer: Producer,
  orgs: readonly string[],
  wanted: Wanted,
): Promise<readonly RequestView[]> {
  const views = (await Promise.all(orgs.map((org) => matching(producer, org, wanted)))).flat()
  if (orgs.length > 1) views.sort((a, b) => b.submittedAt.localeCompare(a.submittedAt))
  return views.slice(0, wanted.limit)
}

const linesOf = (views: readonly RequestView[], { answerStyle, columns }: Screen): string =>
  requestLines(views, answerStyle, columns)

function linesByOrg(views: readonly RequestView[], screen: Screen): string {
  return [...Map.groupBy(views, ({ org }) => org)]
    .map(([org, own]) => `${screen.answerStyle('bold', `Org ${org}`)}\n${linesOf(own, screen)}`)
    .join('\n\n')
}

/** Pauses of the orgs, and that no worker or run is active for requests that need one. */
async function heldBack(
  { store: { redis }, redis: server }: OpenOrg,
  orgs: readonly string[],
  views: readonly RequestView[],
): Promise<readonly string[]> {
  const isIdle = ({ waiting }: RequestView) => waiting.some(({ reason }) => reason === 'no-worker')
  const sentences = orgs.map(async (org) => {
    const state = await readOrgState({ redis, ledger: { keys: orgKeys(org) } })
    const isAnyIdle = views.some((view) => view.org === org && isIdle(view))
    const named = await namedInCommands(server, { redis, org })
    const place = { org, named, embedded: server.embedded }
    return waitingSentences(orgWaiting({ ...state, workers: isAnyIdle ? 0 : 1 }), place)
  })
  // That no `run` is active names no org.
  return [...new Set((await Promise.all(sentences)).flat())]
}

/** Where to continue from: a run keeps its results in a directory relative to its own folder. */
async function reportResults({ store }: OpenOrg, screen: Screen): Promise<void> {
  const at = (await store.ledger.identity())?.resultsAt ?? null
  if (at !== null) screen.say(`Results of unfinished requests: ${at}`)
}

const PAGE = 100

/** Reads page by page: with a filter, matching requests may be far down. */
async function matching(
  producer: Producer,
  org: string,
  { status, labels, limit }: Wanted,
): Promise<readonly RequestView[]> {
  const found: RequestView[] = []
  for (let offset = 0; found.length < limit; offset += PAGE) {
    const page = await producer.list({ org, offset, count: PAGE })
    const matching = page.filter(
      (view) =>
        (status === undefined || view.status === status) && hasLabels(view.request.labels, labels),
    )
    found.push(...matching)
    // Expired records leave gaps in a page, so only an empty page is the end.
    if (page.length === 0) break
  }
  return found.slice(0, limit)
}
