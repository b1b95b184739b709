// Renders every dashboard to PNG, in each state that operators meet:
//   node scripts/screenshots.ts FOLDER [--width 1440] [--theme light] [--state calm] [--dashboard overview]
//
// Runs producers, workers and a Prometheus through those states first, which takes nine minutes. The
// recording stays in FOLDER/recording, and the next call draws from it: change scripts/dashboards,
// npm run dashboards, call again, look. Remove it for a new run.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { startBrowser } from '../test/helpers/browser.ts'
import { startPrometheus } from '../test/helpers/prometheus.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { draw } from './screenshots/draw.ts'
import { runThrough } from './screenshots/run.ts'
import { buildViewer, installViewer, serveViewer } from './screenshots/viewer.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1440' },
    theme: { type: 'string', default: 'dark' },
    state: { type: 'string' },
    dashboard: { type: 'string' },
  },
})
const [given] = positionals
if (given === undefined) throw new Error('Name a folder: node scripts/screenshots.ts FOLDER')
const folder = resolve(given)
const recording = join(folder, 'recording')
const say = (line: string) => console.log(`${(performance.now() / 1000).toFixed(0)} s  ${line}`)

await installViewer(say)
if (!existsSync(join(recording, 'moments.json'))) await record()
await inScope(async (t) => {
  const empty = join(recording, 'prometheus.yml')
  await writeFile(empty, '{}\n')
  const { url } = await startPrometheus(t, empty, { data: join(recording, 'data') })
  const pages = join(folder, 'viewer')
  t.after(() => rm(pages, { recursive: true, force: true }))
  await buildViewer(pages)
  const viewer = await serveViewer(t, pages, url)
  const started = await startBrowser(t)
  if ('problem' in started) throw new Error(started.problem)
  for (const { state, from, to } of await readMoments()) {
    if (values.state !== undefined && state !== values.state) continue
    for (const dashboard of ['overview', 'org-and-object']) {
      if (values.dashboard !== undefined && dashboard !== values.dashboard) continue
      const { theme, width } = values
      const picture = join(folder, `${dashboard}-${state}.png`)
      const view = { viewer, dashboard, from, to, theme, width: Number(width), picture }
      for (const trouble of await draw(started.browser, view)) say(`${state}: ${trouble}`)
      say(picture)
    }
  }
})

async function record(): Promise<void> {
  await rm(recording, { recursive: true, force: true })
  await mkdir(recording, { recursive: true })
  const moments = await inScope((t) => runThrough(t, join(recording, 'data'), say))
  await writeFile(join(recording, 'moments.json'), JSON.stringify(moments, null, 2))
}

async function readMoments() {
  const moment = z.object({ state: z.string(), from: z.number(), to: z.number() })
  const text = await readFile(join(recording, 'moments.json'), 'utf8')
  return z.array(moment).parse(JSON.parse(text))
}

async function inScope<T>(work: (t: Scope) => Promise<T>): Promise<T> {
  let close: () => Promise<void> = async () => {}
  const t = inReverse((fn) => {
    close = fn
  })
  try {
    return await work(t)
  } finally {
    await close()
  }
}

interface Scope {
  after(fn: () => Promise<void>): void
}
