import { visible } from '../../shared/base/visible.ts'
import type { PauseReason } from '../../shared/store/ledger/pause.ts'
import type { Waiting } from '../../shared/store/waiting.ts'
import { commandFor, shellQuoted } from '../command-line.ts'
import { count, counted, moment } from './format.ts'

/** Whose work waits, to name the command that ends the waiting. */
export interface WaitingPlace {
  readonly org: string
  /** What names the org in a command, if its own name may mean another one. */
  readonly named?: string | undefined
  /** Whether it is in this machine's own Redis, where only its own `run` works on a request. */
  readonly embedded: boolean
  /** The request; absent if it is about all of the org. */
  readonly id?: string | undefined
  /** Id of the dry run whose plan it applies, if it does. */
  readonly appliesPlanOf?: string | null | undefined
  /** Id of the request whose rows it retries, if it does. */
  readonly retryOf?: string | null | undefined
  /** Absolute path of its results; undefined if unknown. */
  readonly results?: string | undefined
}

/** Why nothing happens, and what ends that, one sentence each. */
export function waitingSentences(
  waiting: readonly Waiting[],
  place: WaitingPlace,
): readonly string[] {
  return waiting.map((one) => sentence(one, place))
}

function sentence(waiting: Waiting, place: WaitingPlace): string {
  const { org, id, named = org } = place
  switch (waiting.reason) {
    case 'approval':
      return `Its plan waits for approval: ${commandFor(`approve ${id}`, { org: named })}`
    case 'no-worker':
      return place.embedded ? noRun(place) : noWorker(org)
    case 'paused': {
      const running = waiting.abort ? 'running ones are aborted' : 'running ones continue'
      return (
        `Org "${org}" is paused by an operator since ${moment(Date.parse(waiting.since))}: no new ingest job ` +
        `starts, ${running}. To resume: ${commandFor('resume', { org: named })}`
      )
    }
    case 'fault': {
      const { fault, failures, since, nextTryAt, message } = waiting
      return (
        `Org "${org}" is paused, because ${FAULTS[fault]}: ${counted(failures, 'failed attempt')} since ` +
        `${moment(Date.parse(since))}, next attempt at ${moment(Date.parse(nextTryAt))}. ${visible(message)}`
      )
    }
    case 'gathering':
      return (
        'It is small and waits for others to share an ingest job with, until ' +
        `${moment(Date.parse(waiting.until))} at the latest.`
      )
    case 'places':
      return placesSentence(waiting)
    case 'quota':
      return quotaSentence(waiting)
    default:
      throw new TypeError(`Unknown reason ${JSON.stringify(waiting satisfies never)}`)
  }
}

/** `312 of 15,000 daily bulk batches are left, too few for its priority. …` */
function quotaSentence({
  allowance,
  left,
  max,
  ahead,
  until,
}: Extract<Waiting, { reason: 'quota' }>): string {
  const what = allowance === 'DailyApiRequests' ? 'daily API calls' : 'daily bulk batches'
  const when = until === null ? '' : ` Enough are free again at ${moment(Date.parse(until))}.`
  const line = ahead === 0 ? '' : ` ${counted(ahead, 'ingest job')} waited longer.`
  return `${count(left)} of ${count(max)} ${what} are left, too few for its priority.${when}${line}`
}

type Places = Extract<Waiting, { reason: 'places' }>

/** `All ingest job slots are in use: 10 of 10 (8 by purge, 2 by gdpr-7). 12 ingest jobs are ahead of it.` */
function placesSentence({ work, taken, limit, ahead, heldBy }: Places): string {
  const inUse =
    work === 'plan'
      ? `Workers are planning ${counted(taken, 'other request')}.`
      : `All ingest job slots are in use: ${count(taken)} of ${count(limit ?? taken)}${holders(heldBy)}.`
  const what = counted(ahead, work === 'plan' ? 'plan' : 'ingest job')
  if (ahead === 0) return `${inUse} It is next.`
  return `${inUse} ${what} ${ahead === 1 ? 'is' : 'are'} ahead of it.`
}

const SHOWN_HOLDERS = 3

function holders(heldBy: Places['heldBy']): string {
  if (heldBy.length === 0) return ''
  const shown = heldBy.slice(0, SHOWN_HOLDERS).map(({ id, places }) => `${count(places)} by ${id}`)
  const more = heldBy.length - shown.length
  return ` (${shown.join(', ')}${more > 0 ? ` and ${counted(more, 'more request')}` : ''})`
}

function noWorker(org: string): string {
  return (
    `No worker is running for org "${org}". To start one: ${commandFor('worker', {})}. ` +
    'A worker that cannot log in does not count; its log says why.'
  )
}

function noRun(place: WaitingPlace): string {
  const { appliesPlanOf, id, org, named = org, results, retryOf } = place
  if (id === undefined) return 'No `run` is active. To continue a request, run its command again.'
  if (appliesPlanOf) {
    const as = id === `${appliesPlanOf}-apply` ? '' : ` --as ${id}`
    return noCommand(`apply ${appliesPlanOf}${as}`, { org: named, results })
  }
  if (retryOf) return noCommand(`retry ${retryOf} --as ${id}`, { org: named, results })
  return `No \`run\` is active for it. To continue, ${howToContinue(id, results)}.`
}

const noCommand = (verb: string, place: Pick<WaitingPlace, 'org' | 'results'>): string =>
  `No command is active for it. To continue: ${commandFor(verb, place)}`

/**
 * How to continue when the original command line is unknown, for example after its terminal was
 * closed.
 */
export function howToContinue(id: string, results: string | undefined): string {
  const there = results === undefined ? '' : ` --results ${shellQuoted(results)}`
  return `run its own command again, with --id ${id}${there}`
}

const FAULTS: Readonly<Record<PauseReason, string>> = {
  login: 'Salesforce refuses the login',
  outage: 'Salesforce is unavailable',
  rate: 'Salesforce gets too many calls at once',
  'request-limit': "the org's daily API calls are used up",
  quota: "the org's daily bulk batches are used up",
  maintenance: 'the org is in maintenance',
}
