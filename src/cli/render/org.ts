import { visible } from '../../shared/base/visible.ts'
import type { Identity } from '../../shared/salesforce/client.ts'
import type { Paint } from '../paint.ts'

/** `PRODUCTION`, so that nobody overlooks it. */
export function kindOfOrg({ isSandbox }: Pick<Identity, 'isSandbox'>): string {
  if (isSandbox === null) return 'unknown kind: it may be production'
  return isSandbox ? 'sandbox' : 'PRODUCTION'
}

/** `PRODUCTION org Acme (00D…)` */
export function orgWords({ isSandbox, name, orgId }: Identity): string {
  const kind = isSandbox === null ? '' : `${isSandbox ? 'sandbox' : 'PRODUCTION'} `
  return name === null ? `${kind}org ${orgId}` : `${kind}org ${visible(name)} (${orgId})`
}

/** The line that says where all this is going to happen. */
export function orgLine(org: string, identity: Identity, paint: Paint): string {
  const { instanceUrl, username, isSandbox } = identity
  const kind = paint(isSandbox === true ? 'green' : 'red', kindOfOrg(identity))
  const name = identity.name === null ? '' : ` ${paint('bold', visible(identity.name))}`
  const user = username === null ? '' : ` as ${visible(username)}`
  return (
    `Org ${paint('bold', org)}:${name} ${identity.orgId}, ${kind}, ` +
    `at ${new URL(instanceUrl).host}${user}`
  )
}
