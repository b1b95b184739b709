import { z } from 'zod'
import { isSameObject } from '../../../shared/contract/known-object.ts'
import { hasLabels, labelTexts, parseLabels } from '../../../shared/contract/labels.ts'
import { OBJECT_NAME, OBJECT_NAME_FORM } from '../../../shared/contract/objects.ts'
import { InvalidRequestError } from '../../../shared/contract/request-problems.ts'
import { STATUSES } from '../../../shared/contract/status.ts'
import { isBehind, type ListPosition, type Unreadable } from '../../../shared/store/ledger/read.ts'
import type { RequestRecord } from '../../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import { explained, troubleOf } from '../../../shared/store/redis/trouble.ts'
import { viewOf } from '../../../shared/store/request-view.ts'
import { type OrgState, readOrgState } from '../../../shared/store/waiting.ts'
import type { RequestView } from '../../producer.ts'
import type { ApiKey } from '../api-key.ts'
import { seenBy } from '../holders.ts'
import { COMPONENTS, json } from '../openapi/parts.ts'
import { completedExample, viewSchema } from '../openapi/request.ts'
import { orgParameter, type ParameterSet, query } from '../parameters.ts'
import { mayList, mayRead } from '../rights.ts'
import { REQUESTS_PATH, route } from '../route.ts'

/**
 * Maximum records read for one page: a filter without matches must not read a ledger of a million.
 */
const MOST_READ = 1_000
const READ_AT_ONCE = 100

/** A page of an org's requests, newest first. */
export const pageSchema = z
  .object({
    requests: z.array(viewSchema).readonly(),
    unreadable: z
      .array(z.object({ id: z.string(), problem: z.string() }))
      .readonly()
      .describe('Requests whose record cannot be read; they hide no others.'),
    next: z
      .string()
      .nullable()
      .describe(
        'The cursor of the next page; null on the last. A page may be short, or empty, before.',
      ),
  })
  .register(COMPONENTS, { id: 'RequestPage' })

type RequestPage = z.output<typeof pageSchema>

const pageExample: RequestPage = {
  requests: [completedExample],
  unreadable: [],
  next: 'WzE3NjM4ODkzMDAwMDAsImdkcHItMjAyNi0wMDAxMjMiXQ',
}

const MOST_PER_PAGE = 100

const fields = query(
  z.strictObject({
    org: orgParameter,
    status: z.enum(STATUSES).optional().describe('Only requests with this status.'),
    object: z
      .string()
      .regex(OBJECT_NAME, `expected ${OBJECT_NAME_FORM}`)
      .optional()
      .describe('Only requests for this object.'),
    label: labelTexts
      .optional()
      .describe('Only requests with this label, as name=value. If repeated, only those with all.'),
    limit: z
      .string()
      .regex(/^[0-9]{1,9}$/, 'expected a whole number')
      .transform(Number)
      .pipe(z.int().min(1).max(MOST_PER_PAGE))
      .default(50)
      .describe('Requests in a page at most.'),
    cursor: z.string().max(500).optional().describe('The `next` of the page before.'),
  }),
)

const listQuery = {
  documented: fields.documented,
  parse: (given: unknown) => {
    const { cursor, label = [], ...filter } = fields.parse(given)
    const labels = parseLabels(label)
    return { ...filter, labels, from: cursor === undefined ? null : placeAt(cursor) }
  },
} satisfies ParameterSet<unknown>

export const listRoute = route({
  method: 'get',
  path: REQUESTS_PATH,
  operationId: 'listDeletionRequests',
  summary: 'List deletion requests, newest first',
  description:
    'Page by page: `cursor` takes the `next` of the page before. Needs the role `read`, and shows what is for the objects of the key.',
  query: listQuery,
  answers: { 200: json('A page.', pageSchema, pageExample) },
  may: (key, { org, object = null }) => mayList(key, org, object),
  handle: async ({ key, query: filter }, { callers, orgs, inTime }) => {
    const store = await inTime(orgs.open(filter.org))
    // Held by the read itself, which continues even if nobody waits for it any more.
    const page = callers.shares.pages.use(key.name, () =>
      explained(() => pageOf(store, filterOf(filter, key), filter.from, seenBy(key, store))),
    )
    return { status: 200, body: await inTime(page) }
  },
})

interface Filter {
  readonly limit: number
  /** Whether the filter may exclude requests. */
  readonly isSelective: boolean
  readonly matches: (record: RequestRecord) => boolean
  /** The object of an unreadable request is unknown. */
  readonly showsUnreadable: boolean
}

async function pageOf(
  store: OrgStore,
  filter: Filter,
  from: ListPosition | null,
  seen: ReturnType<typeof seenBy>,
): Promise<RequestPage> {
  const count = filter.isSelective ? Math.max(filter.limit, READ_AT_ONCE) : filter.limit
  const found: RequestRecord[] = []
  const unreadable: Unreadable[] = []
  let next = from
  for (let read = 0; read < MOST_READ; read += count) {
    const listed = await store.ledger.follow({ before: next, count })
    const matching = listed.records.filter(filter.matches)
    const isFull = found.length + matching.length >= filter.limit
    const isEnd = listed.last === null && found.length + matching.length <= filter.limit
    found.push(...matching.slice(0, filter.limit - found.length))
    const cut = isFull && !isEnd ? placeOf(found.at(-1)) : null
    unreadable.push(...listed.unreadable.filter((one) => cut === null || !isBehind(one, cut)))
    next = cut ?? listed.last
    if (isFull || next === null) break
  }
  const state = await readOrgState(store)
  const views = await Promise.all(found.map((record) => viewOrProblem(store, record, state, seen)))
  return {
    requests: views.flatMap((view) => ('problem' in view ? [] : [view])),
    unreadable: [
      ...(filter.showsUnreadable ? unreadable : []).map(({ id, problem }) => ({ id, problem })),
      ...views.filter((view) => 'problem' in view),
    ],
    next: next === null ? null : cursorAt(next),
  }
}

/** Besides the record, a view needs its outcomes and orders, which may be unreadable too. */
async function viewOrProblem(
  store: OrgStore,
  record: RequestRecord,
  state: OrgState,
  seen: ReturnType<typeof seenBy>,
): Promise<RequestView | Pick<Unreadable, 'id' | 'problem'>> {
  try {
    return await seen(await viewOf(store, record, state))
  } catch (error) {
    if (troubleOf(error) !== null) throw error
    return { id: record.request.id, problem: 'its progress cannot be read' }
  }
}

function placeOf(record: RequestRecord | undefined): ListPosition | null {
  return record === undefined
    ? null
    : { submittedAt: record.submittedAt, id: record.request.id.toLowerCase() }
}

function filterOf(
  { status, object, labels, limit }: ReturnType<typeof listQuery.parse>,
  key: ApiKey,
): Filter {
  const isForAll = key.objects === '*'
  return {
    limit,
    isSelective:
      !isForAll || status !== undefined || object !== undefined || Object.keys(labels).length > 0,
    matches: ({ status: reached, request, submittedBy }) =>
      (status === undefined || reached === status) &&
      (object === undefined || isSameObject(request.object, object)) &&
      hasLabels(request.labels, labels) &&
      mayRead(key, { ...request, submittedBy }) === null,
    showsUnreadable: isForAll,
  }
}

const placeSchema = z.tuple([z.int().min(0), z.string().max(128)])

/** An opaque cursor for a position in the list of requests. */
export function cursorAt({ submittedAt, id }: ListPosition): string {
  return Buffer.from(JSON.stringify([submittedAt, id])).toString('base64url')
}

/** @throws InvalidRequestError if it is not one of our cursors */
function placeAt(cursor: string): ListPosition {
  const parsed = placeSchema.safeParse(jsonIn(Buffer.from(cursor, 'base64url').toString()))
  if (!parsed.success) {
    throw new InvalidRequestError([
      { field: 'cursor', message: 'expected the `next` of a page before' },
    ])
  }
  const [submittedAt, id] = parsed.data
  return { submittedAt, id }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
