import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { listenHere } from '../../test/helpers/http-server.ts'

/** The page that draws dashboards: grafana/viewer, installed on first use, served on loopback. */

const run = promisify(execFile)

const ROOT = join(import.meta.dirname, '../..')
const VIEWER = join(ROOT, 'grafana/viewer')

interface Scope {
  after(fn: () => Promise<void>): void
}

/** Installs what is missing: 460 MB, within a minute or two. */
export async function installViewer(say: (line: string) => void): Promise<void> {
  if (existsSync(join(VIEWER, 'node_modules/.package-lock.json'))) return
  say("Installing Grafana's panels into grafana/viewer/node_modules (460 MB).")
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['ci', ...flags], { cwd: VIEWER })
}

/** Bundles the page and the dashboards into a folder. */
export async function buildViewer(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await run(process.execPath, [join(VIEWER, 'build.mjs'), folder])
  await cp(join(ROOT, 'grafana/dashboards'), join(folder, 'dashboards'), { recursive: true })
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Dashboards</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="page.css">
<body style="margin:0"><div id="root"></div><script type="module" src="page.js"></script>`

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** Serves the folder, and Prometheus beneath `/prometheus`. Gives its address. */
export async function serveViewer(t: Scope, folder: string, prometheus: string): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '', 'http://viewer')
    if (pathname === '/') return void response.end(PAGE)
    if (pathname.startsWith('/prometheus/')) return passOn(prometheus, pathname, request, response)
    const type = TYPES[extname(pathname)]
    const file = await readFile(join(folder, inFolder(pathname))).catch(() => undefined)
    if (type === undefined || file === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': type }).end(file)
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)))
  })
  return `${await listenHere(t, server)}/`
}

/** Fonts lie flat; Grafana's names of the second one are those of its makers' web service. */
function inFolder(pathname: string): string {
  return normalize(pathname)
    .replace('/fonts/inter/', '/fonts/')
    .replace(/\/fonts\/roboto\/[^/]+$/, '/fonts/RobotoMono-Regular.woff2')
}

async function passOn(
  prometheus: string,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = new URLSearchParams(await text(request))
  const answer = await fetch(prometheus + pathname.replace('/prometheus', ''), {
    method: 'POST',
    body,
  })
  // What Prometheus says of a query that it refuses is in the body, and the page shows it.
  response.writeHead(200, { 'content-type': 'application/json' }).end(await answer.text())
}
