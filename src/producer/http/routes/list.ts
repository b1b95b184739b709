import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { isBehind, type ListPosition, type Unreadable } from '../../../shared/store/ledger/list.ts'
import type { RequestRecord } from '../../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import { explained, troubleOf } from '../../../shared/store/redis/trouble.ts'
import { viewOf } from '../../../shared/store/request-view.ts'
import type { RequestView } from '../../producer.ts'
import { assertAllowed } from '../caller.ts'
import { cursorAt, placeAt } from '../cursor.ts'
import { createFairShare } from '../fair-share.ts'
import { PAGES_PER_KEY } from '../limits.ts'
import { listQuery, parseFields } from '../parameters.ts'
import { type ApiKey, mayList, mayRead } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { REQUESTS_PATH } from './submit.ts'

/** Records read for one page: a filter that nothing matches must not read a ledger of a million. */
const MOST_READ = 1_000
const READ_AT_ONCE = 100

/** A page of an org's requests, newest first. */
export interface RequestPage {
  readonly requests: readonly RequestView[]
  /** Requests whose record cannot be read; they hide no others. */
  readonly unreadable: readonly Pick<Unreadable, 'id' | 'problem'>[]
  /** The `cursor` of the next page; null where this is the last. A page may be short, or empty, and not be the last. */
  readonly next: string | null
}

interface Filter {
  readonly limit: number
  /** Whether it may leave any out. */
  readonly isSelective: boolean
  readonly matches: (record: RequestRecord) => boolean
  /** What a request is for that cannot be read is not known. */
  readonly showsUnreadable: boolean
}

/** `GET /v1/deletion-requests` */
export function listRoute(app: FastifyInstance, service: Service): void {
  const { callers, orgs, patience } = service
  const pages = createFairShare({
    total: Number.POSITIVE_INFINITY,
    // One caller who is not told from others keeps nobody waiting.
    each: callers.haveKeys ? PAGES_PER_KEY : Number.POSITIVE_INFINITY,
    unit: 'pages of the list',
  })
  app.get(REQUESTS_PATH, { onRequest: callers.admit }, async (request): Promise<RequestPage> => {
    const filter = parseFields(listQuery, request.query)
    const from = filter.cursor === undefined ? null : placeAt(filter.cursor)
    const key = callers.of(request)
    assertAllowed(mayList(key, filter.org, filter.object ?? null))
    const store = await soon(patience, orgs.open(filter.org))
    pages.take(key.name, 1)
    // Given back by the reading itself, which goes on where nobody waits for it any more.
    const page = explained(() => pageOf(store, filterOf(filter, key), from)).finally(() =>
      pages.give(key.name, 1),
    )
    return soon(patience, page)
  })
}

async function pageOf(
  store: OrgStore,
  filter: Filter,
  from: ListPosition | null,
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
  const views = await Promise.all(found.map((record) => viewOrProblem(store, record)))
  return {
    requests: views.flatMap((view) => ('problem' in view ? [] : [view])),
    unreadable: [
      ...(filter.showsUnreadable ? unreadable : []).map(({ id, problem }) => ({ id, problem })),
      ...views.filter((view) => 'problem' in view),
    ],
    next: next === null ? null : cursorAt(next),
  }
}

/** Beside the record there are its outcomes and orders, and they too may not be readable. */
async function viewOrProblem(
  store: OrgStore,
  record: RequestRecord,
): Promise<RequestView | Pick<Unreadable, 'id' | 'problem'>> {
  try {
    return await viewOf(store, record)
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

function filterOf({ status, object, limit }: z.output<typeof listQuery>, key: ApiKey): Filter {
  const isForAll = key.objects === '*'
  return {
    limit,
    isSelective: !isForAll || status !== undefined || object !== undefined,
    matches: ({ status: reached, request, submittedBy }) =>
      (status === undefined || reached === status) &&
      (object === undefined || request.object === object) &&
      mayRead(key, { ...request, submittedBy }) === null,
    showsUnreadable: isForAll,
  }
}
