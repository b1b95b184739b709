import { visible } from '../../shared/base/visible.ts'
import type { Identity } from '../../shared/salesforce/client.ts'
import type { Style } from '../styled-text.ts'

/** `PRODUCTION` in capitals, so that nobody overlooks it. */
export function kindOfOrg({ isSandbox }: Pick<Identity, 'isSandbox'>): string {
  if (isSandbox === null) return 'unknown kind: it may be production'
  return isSandbox ? 'sandbox' : 'PRODUCTION'
}

/** `PRODUCTION org Acme (00D…)` */
export function orgWords({
  isSandbox,
  name,
  orgId,
}: Pick<Identity, 'isSandbox' | 'name' | 'orgId'>): string {
  const kind = isSandbox === null ? '' : `${kindOfOrg({ isSandbox })} `
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
    .map(([name, prefix]) => `${name} ${prefix}`.trimEnd())
    .join(', ')
}
