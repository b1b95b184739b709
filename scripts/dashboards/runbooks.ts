import { readFileSync } from 'node:fs'
import {
  type Dashboard,
  DashboardBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text'

/**
 * docs/operations.md as a dashboard, a panel for each section: the runbook is where the graphs are,
 * and every panel can link to its section without knowing a web address.
 */

export const UID = 'expunge-runbooks'

const DOCUMENT = new URL('../../docs/operations.md', import.meta.url)

interface Section {
  /** The heading as a link within the document has it. */
  readonly anchor: string
  readonly text: string
}

/** Level two and three; a heading with nothing beneath but further headings is none. */
export const SECTIONS: readonly Section[] = readFileSync(DOCUMENT, 'utf8')
  .split(/^(?=#{2,3} )/m)
  .slice(1)
  .map((text) => ({ anchor: anchorOf(text), text: text.trimEnd() }))
  .filter(({ text }) => text.includes('\n'))

/** As web pages make it of a heading: lower case, hyphens for spaces, no punctuation. */
function anchorOf(section: string): string {
  const [heading = ''] = section.split('\n')
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number} -]/gu, '')
    .replaceAll(' ', '-')
}

export const ANCHORS: readonly string[] = SECTIONS.map(({ anchor }) => anchor)

/** The panel of each alert: the alert's name, and the panel's id. */
export const ALERT_PANELS: ReadonlyMap<string, number> = new Map(
  SECTIONS.flatMap(({ text }, at) => {
    const [, alert] = /^### (Expunge\w+)$/m.exec(text) ?? []
    return alert === undefined ? [] : [[alert, at + 1]]
  }),
)

/** The address of a section within Grafana. */
function urlOf(anchor: string): string {
  const at = ANCHORS.indexOf(anchor)
  if (at < 0) throw new Error(`docs/operations.md has no section #${anchor}`)
  return `/d/${UID}?viewPanel=${at + 1}`
}

/** @throws Error where docs/operations.md has no such section */
export function runbookLink(anchor: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Runbook')
    .type(DashboardLinkType.Link)
    .url(urlOf(anchor))
    .targetBlank(true)
}

/** Other pages are not at hand where the runbooks are read: they are named instead. */
export function withoutOtherPages(text: string): string {
  return text.replace(/\[([^\]]+)\]\((?:\.\.\/)?([\w-]+\.md)(?:#[\w-]+)?\)/g, '$1 ($2)')
}

/** Links within the document lead to the panel of their section. */
function withLinks(text: string): string {
  const within = text.replace(/\]\(#([\w-]+)\)/g, (_, anchor: string) => `](${urlOf(anchor)})`)
  return withoutOtherPages(within)
}

/** Rows of the grid, of 38 pixels each, that a section takes on a screen of 1440 pixels or more. */
function heightOf(text: string): number {
  let isCode = false
  const pixels = text.split('\n').map((line) => {
    if (line.startsWith('```')) {
      isCode = !isCode
      return 16
    }
    if (isCode) return 20
    if (line.startsWith('#')) return 44
    if (line.startsWith('|')) return 34 * Math.ceil(line.length / 200)
    // An item of a list does not continue on the line of the one before.
    if (/^(?:-|\d+\.) /.test(line)) return 25 * Math.max(1, line.length / 150)
    return line === '' ? 16 : (25 * line.length) / 150
  })
  return Math.ceil((pixels.reduce((sum, height) => sum + height, 0) + 84) / 38)
}

export function runbooks(): Dashboard {
  const dashboard = new DashboardBuilder('Expunge: runbooks')
    .uid(UID)
    .description('docs/operations.md: what each alert means and what to do.')
    .tags(['expunge'])
    .readonly()
  for (const { text } of SECTIONS) {
    dashboard.withPanel(
      new TextBuilder()
        .mode(TextMode.Markdown)
        .content(withLinks(text))
        .span(24)
        .height(heightOf(text)),
    )
  }
  return dashboard.build()
}
