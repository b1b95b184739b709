import stringWidth from 'string-width'
import { doneOf } from '../../shared/store/progress.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import type { Style } from '../styled-text.ts'
import { columns, count, percent } from './format.ts'
import { progressOf, STATUS_COLOUR } from './request.ts'

/** One column of a list of requests. */
interface Column {
  readonly head: string
  readonly align: 'left' | 'right'
  cell(view: RequestView, style: Style): string
}

const statusOf = ({ status }: RequestView, style: Style) => style(STATUS_COLOUR[status], status)

/** What holds this request alone; what holds all of the org is told once above the list. */
function waitingMark({ waiting }: RequestView): string {
  for (const one of waiting) {
    if (one.reason === 'gathering' || one.reason === 'quota') return `, ${one.reason}`
    if (one.reason === 'places') return one.ahead === 0 ? ', next' : `, ${count(one.ahead)} ahead`
  }
  return ''
}

const ID: Column = { head: 'REQUEST', align: 'left', cell: ({ id }) => id }
const STATUS: Column = {
  head: 'STATUS',
  align: 'left',
  cell: (view, style) => statusOf(view, style) + progressOf(view) + waitingMark(view),
}
const SHORT_STATUS: Column = {
  ...STATUS,
  cell: (view, style) => {
    const { plan, progress, stopping } = view
    if (stopping !== null) return `${statusOf(view, style)}, ending`
    const done =
      plan === null || progress === null ? '' : ` ${percent(doneOf(progress, plan), plan.accepted)}`
    return statusOf(view, style) + done + waitingMark(view)
  },
}
const OBJECT: Column = { head: 'OBJECT', align: 'left', cell: ({ request }) => request.object }
const ACCEPTED: Column = {
  head: 'ACCEPTED',
  align: 'right',
  cell: ({ plan }) => (plan === null ? '' : count(plan.accepted)),
}
const GONE: Column = {
  head: 'GONE',
  align: 'right',
  cell: ({ receipt, progress }) => {
    const { outcome } = receipt ?? progress ?? { outcome: null }
    return outcome === null ? '' : count(outcome.deleted + outcome.alreadyGone)
  },
}
const SUBMITTED: Column = {
  head: 'SUBMITTED (UTC)',
  align: 'left',
  cell: ({ submittedAt }) => submittedAt.slice(0, 19).replace('T', ' '),
}
const SHORT_SUBMITTED: Column = {
  ...SUBMITTED,
  cell: ({ submittedAt }) => submittedAt.slice(5, 16).replace('T', ' '),
}

/** From the most to the fewest columns. */
const LAYOUTS: readonly (readonly Column[])[] = [
  [ID, STATUS, OBJECT, ACCEPTED, GONE, SUBMITTED],
  [ID, SHORT_STATUS, OBJECT, ACCEPTED, GONE, SHORT_SUBMITTED],
  [ID, SHORT_STATUS, OBJECT, ACCEPTED, SHORT_SUBMITTED],
  [ID, SHORT_STATUS, OBJECT, SHORT_SUBMITTED],
]
const BELOW_ID: readonly Column[] = [SHORT_STATUS, OBJECT, ACCEPTED, GONE, SHORT_SUBMITTED]

/**
 * Many requests, one line each, with as many columns as fit.
 *
 * @param width of the terminal; null if nothing has to fit
 */
export function requestLines(
  views: readonly RequestView[],
  style: Style,
  width: number | null,
): string {
  for (const layout of LAYOUTS) {
    const lines = tableOf(layout, views, style)
    if (width === null || lines.every((line) => stringWidth(line) <= width)) return lines.join('\n')
  }
  // An id is needed whole, so a long one has a line of its own.
  const [head = '', ...rows] = tableOf(BELOW_ID, views, style)
  return [`  ${head}`, ...rows.flatMap((row, at) => [`  ${views[at]?.id}`, `  ${row}`])].join('\n')
}

function tableOf(
  layout: readonly Column[],
  views: readonly RequestView[],
  style: Style,
): readonly string[] {
  const rows = views.map((view) => layout.map(({ cell }) => cell(view, style)))
  const head = layout.map(({ head }) => head)
  return columns(rows, { head, align: layout.map(({ align }) => align) }).split('\n')
}
