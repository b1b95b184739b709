import type { Browser } from 'puppeteer-core'
import { z } from 'zod'
import { visit } from '../../test/helpers/browser.ts'
import { SCRAPE } from './run.ts'

export interface DrawnView {
  readonly viewer: string
  readonly dashboard: string
  readonly from: number
  readonly to: number
  readonly theme: string
  readonly width: number
  /** The file to write. */
  readonly picture: string
}

const reportSchema = z.array(
  z.object({ title: z.string(), state: z.string(), error: z.string(), isCut: z.boolean() }),
)

/** As the page says it of each panel, and whether its title had to be cut. */
const REPORT = `[...document.querySelectorAll('[data-panel]')].map((panel) => {
  const heading = panel.querySelector('h2')
  return {
    title: panel.dataset.panel,
    state: panel.dataset.state,
    error: panel.dataset.error || panel.querySelector('[data-failed]')?.dataset.failed || '',
    isCut: heading !== null && heading.scrollWidth > heading.clientWidth,
  }
})`

/** Draws one dashboard into a PNG; gives what is wrong with it. */
export async function draw(browser: Browser, view: DrawnView): Promise<readonly string[]> {
  const { viewer, dashboard, from, to, theme, width, picture } = view
  const asked = { dashboard, theme, from: `${from}`, to: `${to}`, scrape: `${SCRAPE}` }
  const { page, troubles } = await visit(browser, `${viewer}?${new URLSearchParams(asked)}`, {
    width,
  })
  await page.waitForFunction('!document.querySelector("[data-state=loading]")')
  const height = Number(await page.evaluate('document.documentElement.scrollHeight'))
  await page.setViewport({ width, height })
  await page.waitForNetworkIdle({ idleTime: 500 })
  await page.screenshot({ path: picture as `${string}.png` })
  const report = reportSchema.parse(await page.evaluate(REPORT))
  await page.browserContext().close()
  return [...troubles, ...report.flatMap(troublesOf)].map((trouble) => `${dashboard}, ${trouble}`)
}

function troublesOf({ title, state, error, isCut }: z.output<typeof reportSchema>[number]) {
  return [
    ...(error === '' ? [] : [`${title}: ${error}`]),
    ...(state === 'empty' ? [`${title}: nothing to show`] : []),
    ...(isCut ? [`${title}: the title is cut`] : []),
  ]
}
