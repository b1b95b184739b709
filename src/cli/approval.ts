import { visible } from '../shared/base/visible.ts'
import type { Plan } from '../shared/contract/receipt.ts'
import { ID_LENGTH, to18 } from '../shared/contract/record-id.ts'
import { wordsFor } from '../shared/contract/sources/lists.ts'
import type { aboutOrg } from '../shared/store/identity.ts'
import type { RequestRecord } from '../shared/store/ledger/record.ts'
import type { OrgStore } from '../shared/store/org-store.ts'
import type { RequestView } from '../shared/store/request-view.ts'
import { activityRow } from './render/activity.ts'
import { columns, count, labelWords, percent } from './render/format.ts'
import { kindOfOrg, orgWords } from './render/org.ts'
import { planTable, question } from './render/plan.ts'
import type { Screen } from './screen.ts'

/** What the caller knows about the plan besides its view. */
interface Known {
  readonly identity: Awaited<ReturnType<typeof aboutOrg>>
  /** Read from Redis if it is not given. */
  readonly record?: RequestRecord
}

/** Shows a plan that was made before, with all facts to decide on. Returns the question. */
export async function showForApproval(
  { say, sayStyle }: Screen,
  store: OrgStore,
  view: RequestView & { readonly plan: Plan },
  known: Known,
): Promise<string> {
  const { identity } = known
  const { plan, request } = view
  const title = sayStyle('bold', 'Plan')
  say(`${title} of request ${request.id}\n${planTable(plan, request, view.cost, sayStyle)}`)
  say(await approvalTable(store, view, known))
  return question(plan, request, identity === null ? `org "${store.org}"` : orgWords(identity))
}

/** What somebody who approves a plan must know, as a table: who asks, what, where, and which ids. */
export async function approvalTable(
  store: OrgStore,
  view: RequestView,
  { identity, record }: Known,
): Promise<string> {
  const { request, submittedBy, content, plan } = view
  const digest = content === null ? '' : `, SHA-256 ${content.sha256}`
  const labels = labelWords(request.labels)
  const ids = await firstAndLast(store, record ?? (await store.ledger.load(view.id)))
  const rows: readonly (readonly [string, string] | null)[] = [
    ['Asked by', submittedBy === null ? 'unknown' : visible(submittedBy)],
    labels === '' ? null : ['Labels', labels],
    ['Reason', request.reason === null ? 'none given' : visible(request.reason)],
    ['Source', `${visible(sourceOf(request))}${digest}`],
    ['Org', orgFacts(store.org, identity)],
    ['Share', share(view)],
    activityRow(view),
    ids === null ? null : ['Ids', ids],
    plan && ['Plan', `SHA-256 ${plan.sha256}`],
  ]
  return columns(rows.filter((row) => row !== null))
}

function sourceOf({ retryOf, source }: RequestView['request']): string {
  return retryOf === null ? wordsFor(source) : `failed or unprocessed rows of ${retryOf}`
}

function orgFacts(org: string, about: Known['identity']): string {
  if (about === null) return `${org}: no worker has logged in yet, it may be production`
  const name = about.name === null ? '' : ` ${visible(about.name)}`
  return `${org}: ${kindOfOrg(about)}${name}, ${about.orgId}, ${new URL(about.instanceUrl).host}`
}

/** What a dry run shows beside its plan: its share of the object, and active records. */
export function scopeTable(view: RequestView): string {
  const shown = view.objectRecords === null ? null : (['Share', share(view)] as const)
  return columns([shown, activityRow(view)].filter((row) => row !== null))
}

/** How many of the object's records a plan takes. */
function share({ request, plan, objectRecords }: RequestView): string {
  const accepted = plan?.accepted ?? 0
  const object = visible(request.object)
  if (!objectRecords) return `unknown: the org does not tell how many ${object} records it has`
  const part =
    accepted > 0 && accepted / objectRecords < 0.01 ? 'under 1 %' : percent(accepted, objectRecords)
  return `${count(accepted)} of about ${count(objectRecords)} ${object} records (${part})`
}

/** Of the staged plan, in its order; null if it is not staged any more. */
async function firstAndLast(
  { staging }: OrgStore,
  record: RequestRecord | null,
): Promise<string | null> {
  if (record === null || record.lot === null) return null
  const ends = await staging.ends({ request: record.request.id, lot: record.lot })
  if (ends === null) return null
  const [first, last] = ends
  const text = (bytes: Uint8Array) => to18(Buffer.from(bytes).toString('latin1'))
  return `first ${text(first.subarray(0, ID_LENGTH))}, last ${text(last.subarray(-ID_LENGTH))}`
}
