// Renders every dashboard to PNG, in each state that operators meet:
//   node scripts/screenshots.ts FOLDER [--quick] [--state calm] [--dashboard overview]
//     [--width 1440] [--height 900] [--theme light]
//
// Runs producers, workers and a Prometheus through those states first, which takes twelve minutes. The
// recording stays in FOLDER/recording, and the next call draws from it: change scripts/dashboards,
// npm run dashboards, call again, look. Remove it for a new run. With --quick, npm run
// test:dashboards, there is always a new run, of four minutes.
//
// Exits with 1 if a panel has an error, has nothing to show without reason, or has to cut a text.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { startBrowser } from '../test/helpers/browser.ts'
import { startPrometheus } from '../test/helpers/prometheus.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { draw } from './screenshots/draw.ts'
import { momentSchema, runThrough } from './screenshots/run.ts'
import { buildViewer, installViewer, serveViewer } from './screenshots/viewer.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    width: { type: 'string', default: '1440' },
    height: { type: 'string' },
    theme: { type: 'string', default: 'dark' },
    state: { type: 'string' },
    dashboard: { type: 'string' },
  },
})
const [given] = positionals
if (given === undefined) throw new Error('Name a folder: node scripts/screenshots.ts FOLDER')
const folder = resolve(given)
const recording = join(folder, 'recording')
const moments = join(recording, 'moments.json')
const say = (line: string) => console.log(`${performance.now().toFixed(0).padStart(7)} ms  ${line}`)

await installViewer(say)
if (values.quick || !existsSync(moments)) await record()
await inScope(drawAll)

async function record(): Promise<void> {
  await rm(recording, { recursive: true, force: true })
  await mkdir(recording, { recursive: true })
  const pace = values.quick ? 1 / 3 : 1
  const seen = await inScope((t) => runThrough(t, { data: join(recording, 'data'), pace, say }))
  await writeFile(moments, JSON.stringify(seen, null, 2))
}

async function drawAll(t: Scope): Promise<void> {
  const config = join(recording, 'prometheus.yml')
  await writeFile(config, '{}\n')
  const { url } = await startPrometheus(t, config, { data: join(recording, 'data') })
  const pages = join(folder, 'viewer')
  t.after(() => rm(pages, { recursive: true, force: true }))
  await buildViewer(pages)
  const viewer = await serveViewer(t, pages, url)
  const started = await startBrowser(t)
  if ('problem' in started) throw new Error(started.problem)
  for (const moment of z.array(momentSchema).parse(JSON.parse(await readFile(moments, 'utf8')))) {
    if (values.state !== undefined && moment.state !== values.state) continue
    for (const dashboard of ['overview', 'org-and-object', 'runbooks']) {
      if (values.dashboard !== undefined && dashboard !== values.dashboard) continue
      // A text, the same in all states.
      if (dashboard === 'runbooks' && moment.state !== 'calm') continue
      const { theme } = values
      const width = Number(values.width)
      const height = Number(values.height ?? 0)
      const picture = join(folder, `${dashboard}-${moment.state}.png`)
      const view = { viewer, dashboard, moment, theme, width, height, picture }
      const troubles = await draw(started.browser, view)
      for (const trouble of troubles) say(`${moment.state}: ${trouble}`)
      if (troubles.length > 0) process.exitCode = 1
      say(picture)
    }
  }
}

interface Scope {
  after(fn: () => Promise<void>): void
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
