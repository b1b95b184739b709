import { visible } from '../../shared/base/visible.ts'
import type { PauseState } from '../../shared/store/ledger/pause.ts'
import { commandFor } from '../commandline.ts'
import { counted } from './numbers.ts'

/** `2026-11-23 22:00:08 UTC` */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** Why nothing is sent to an org, and what ends that; empty where it is not paused. */
export function pauseSentences(org: string, { operator, fault }: PauseState): readonly string[] {
  return [
    ...(operator === null ? [] : [operatorSentence(org, operator)]),
    ...(fault === null ? [] : [faultSentence(org, fault)]),
  ]
}

function operatorSentence(org: string, { abort, since }: NonNullable<PauseState['operator']>) {
  const running = abort ? 'those at work are aborted' : 'those at work go on to their end'
  return (
    `Org "${org}" is paused by an operator since ${moment(since)}: no new ingest job starts, ` +
    `${running}. To go on: ${commandFor('resume', { org })}`
  )
}

/** Nothing that waits is lost, so an operator need only know whether to do something about it. */
function faultSentence(
  org: string,
  { reason, message, failures, since, until }: NonNullable<PauseState['fault']>,
) {
  return (
    `Org "${org}" is paused by a fault (${reason}) since ${moment(since)}, ${counted(failures, 'failure')} ` +
    `in a row; tried again at ${moment(until)}. ${visible(message)}`
  )
}
