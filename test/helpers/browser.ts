import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress } from 'node:zlib'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { messageOf } from '../../src/shared/base/errors.ts'

interface Scope {
  after(fn: () => Promise<void>): void
}

/** A page that was opened, and all that a person would see wrong in the browser's console. */
export interface Visit {
  readonly page: Page
  /** Errors of scripts, requests that failed or were refused, requests to anywhere else. */
  readonly troubles: readonly string[]
  /** What its user reads on it now. */
  text(): Promise<string>
}

/**
 * A headless Chromium: that of the npm package, else one on the PATH. Where neither starts, why: no
 * part of Expunge needs a browser, so its absence is a reason to skip, under CI as well.
 */
export async function startBrowser(
  t: Scope,
): Promise<{ readonly browser: Browser } | { readonly problem: string }> {
  const problems: string[] = []
  for (const start of [startPackaged, startInstalled]) {
    try {
      const browser = await start(t)
      t.after(() => browser.close())
      return { browser }
    } catch (error) {
      problems.push(messageOf(error).split('\n', 1).join())
    }
  }
  return {
    problem: `No Chromium starts here (Debian: apt install chromium). ${problems.join(' ')}`,
  }
}

/**
 * Unpacked by ourselves, with the libraries that small systems lack: the package would leave it in
 * the temporary folder for good, and take whatever lies there under that name.
 */
async function startPackaged(t: Scope): Promise<Browser> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`The packaged one is for linux-x64, not ${process.platform}-${process.arch}.`)
  }
  const packed = join(createRequire(import.meta.url).resolve('@sparticuz/chromium'), '../../bin')
  const folder = await mkdtemp(join(tmpdir(), 'expunge-chromium-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const path = join(folder, 'chromium')
  await Promise.all([
    pipeline(
      createReadStream(join(packed, 'chromium.br')),
      createBrotliDecompress(),
      createWriteStream(path, { mode: 0o700 }),
    ),
    unpack(join(packed, 'al2023.tar.br'), folder),
  ])
  return launch(path, { LD_LIBRARY_PATH: join(folder, 'lib') })
}

async function startInstalled(): Promise<Browser> {
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(existsSync)
  if (path === undefined) throw new Error('There is no chromium on the PATH.')
  return launch(path, {})
}

async function unpack(archive: string, folder: string): Promise<void> {
  const tar = spawn('tar', ['-x', '-C', folder], { stdio: ['pipe', 'ignore', 'inherit'] })
  const [[code]] = await Promise.all([
    once(tar, 'close'),
    // tar closes its input once it has seen the archive's end; its exit code says whether it did.
    pipeline(createReadStream(archive), createBrotliDecompress(), tar.stdin).catch(() => {}),
  ])
  if (code !== 0) throw new Error(`tar ended with ${code}.`)
}

function launch(executablePath: string, env: Readonly<Record<string, string>>): Promise<Browser> {
  return puppeteer.launch({
    executablePath,
    // Of the C locale it would make a language that no page knows.
    env: { ...process.env, LC_ALL: 'en_US.UTF-8', ...env },
    headless: 'shell',
    args: [
      // Its sandbox does not start as root, nor in most containers; it sees our own pages alone.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      // Whatever a page asks of other hosts fails, and nothing leaves this machine.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  })
}

/** Opens a page in a profile of its own; `password` answers where the page asks for one. */
export async function visit(
  browser: Browser,
  url: string,
  { password, width }: { readonly password?: string; readonly width?: number } = {},
): Promise<Visit> {
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  if (width !== undefined) await page.setViewport({ width, height: 1000 })
  const troubles: string[] = []
  const { origin } = new URL(url)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') {
      troubles.push(`console: ${message.text()}`)
    }
  })
  page.on('pageerror', (error) => troubles.push(`script: ${messageOf(error)}`))
  page.on('requestfailed', (request) =>
    troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`),
  )
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()}: ${response.url()}`)
  })
  page.on('request', (request) => {
    const asked = new URL(request.url())
    if (asked.protocol !== 'data:' && asked.origin !== origin) {
      troubles.push(`elsewhere: ${asked.href}`)
    }
  })
  if (password !== undefined) await page.authenticate({ username: 'anyone', password })
  await page.goto(url)
  await page.waitForNetworkIdle({ idleTime: 100 })
  return {
    page,
    troubles,
    text: async () => String(await page.evaluate('document.body.innerText')),
  }
}
