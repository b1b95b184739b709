import { visible } from '../../shared/base/visible.ts'
import type { Identity } from '../../shared/salesforce/client.ts'
import type { PauseState } from '../../shared/store/ledger/pause.ts'
import { commandFor } from '../command-line.ts'
import type { Style } from '../screen.ts'
import { counted } from './format.ts'

/** `PRODUCTION` in capitals, so that nobody overlooks it. */
export function kindOfOrg({ isSandbox }: Pick<Identity, 'isSandbox'>): string {
  if (isSandbox === null) return 'unknown kind: it may be production'
  return isSandbox ? 'sandbox' : 'PRODUCTION'
}

/** `PRODUCTION org Acme (00D…)` */
export function orgWords({ isSandbox, name, orgId }: Identity): string {
  const kind = isSandbox === null ? '' : `${isSandbox ? 'sandbox' : 'PRODUCTION'} `
  return name === null ? `${kind}org ${orgId}` : `${kind}org ${visible(name)} (${orgId})`
}

/** The line that says which org is affected. */
export function orgLine(org: string, identity: Identity, style: Style): string {
  const { instanceUrl, username, isSandbox } = identity
  const kind = style(isSandbox === true ? 'green' : 'red', kindOfOrg(identity))
  const name = identity.name === null ? '' : ` ${style('bold', visible(identity.name))}`
  const user = username === null ? '' : ` as ${visible(username)}`
  return (
    `Org ${style('bold', org)}:${name} ${identity.orgId}, ${kind}, ` +
    `at ${new URL(instanceUrl).host}${user}`
  )
}

/** A guard rail's value: `none`, `yes`, `1000`, `Contact 003, Lead 00Q`. */
export function railWords(value: unknown): string {
  if (value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, prefix]) => `${name} ${prefix}`)
    .join(', ')
}

/** `2026-11-23 22:00:08 UTC` */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** Why nothing is sent to an org, and what ends that; empty if it is not paused. */
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

/** Nothing that waits is lost, so an operator only needs to know whether to act. */
function faultSentence(
  org: string,
  { reason, message, failures, since, until }: NonNullable<PauseState['fault']>,
) {
  return (
    `Org "${org}" is paused by a fault (${reason}) since ${moment(since)}, ${counted(failures, 'failure')} ` +
    `in a row; tried again at ${moment(until)}. ${visible(message)}`
  )
}
