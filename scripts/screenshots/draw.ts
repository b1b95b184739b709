import type { Browser } from 'puppeteer-core'
import { z } from 'zod'
import { visit } from '../../test/helpers/browser.ts'
import { type Moment, SCRAPE } from './run.ts'

export interface DrawnView {
  readonly viewer: string
  readonly dashboard: string
  readonly moment: Moment
  readonly theme: string
  readonly width: number
  /** Of the picture; 0 for all of the dashboard. */
  readonly height: number
  /** The file to write. */
  readonly picture: string
}

const reportSchema = z.array(
  z.object({ title: z.string(), state: z.string(), error: z.string(), cut: z.array(z.string()) }),
)

/** As the page says it of each panel, and the texts in it that had to be cut. */
const REPORT = `[...document.querySelectorAll('[data-panel]')].map((panel) => ({
  title: panel.dataset.panel,
  state: panel.dataset.state,
  error: panel.dataset.error || panel.querySelector('[data-failed]')?.dataset.failed || '',
  cut: [...panel.querySelectorAll('*')]
    .filter((one) => one.clientWidth > 0)
    .filter((one) =>
      one.className === 'markdown-html'
        ? one.scrollHeight > one.clientHeight
        : one.scrollWidth > one.clientWidth && getComputedStyle(one).textOverflow === 'ellipsis')
    .map((one) => one.textContent.slice(0, 40)),
}))`

/** Draws one dashboard into a PNG; gives what is wrong with it. */
export async function draw(browser: Browser, view: DrawnView): Promise<readonly string[]> {
  const { viewer, dashboard, moment, theme, width, picture } = view
  const [from, to] = [`${moment.from}`, `${moment.to}`]
  const asked = new URLSearchParams({ dashboard, theme, from, to, scrape: `${SCRAPE}` })
  const { page, troubles } = await visit(browser, `${viewer}?${asked}`, { width })
  await page.waitForFunction('!document.querySelector("[data-state=loading]")')
  const all = Number(await page.evaluate('document.documentElement.scrollHeight'))
  await page.setViewport({ width, height: all })
  await page.waitForNetworkIdle({ idleTime: 500 })
  const clip = { x: 0, y: 0, width, height: view.height || all }
  await page.screenshot({ path: picture as `${string}.png`, clip })
  const report = reportSchema.parse(await page.evaluate(REPORT))
  await page.browserContext().close()
  const found = report.flatMap((panel) => troublesOf(panel, moment))
  return [...troubles, ...found].map((trouble) => `${dashboard}, ${trouble}`)
}

function troublesOf(
  { title, state, error, cut }: z.output<typeof reportSchema>[number],
  { empty }: Moment,
): readonly string[] {
  return [
    ...(error === '' ? [] : [`${title}: ${error}`]),
    ...(state === 'empty' && !empty.includes(title) ? [`${title}: nothing to show`] : []),
    ...cut.map((text) => `${title}: "${text}" is cut`),
  ]
}
