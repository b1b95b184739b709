#!/usr/bin/env node
// Starts the command line: the sources in a clone, the built code in the package expunge-cli, and in
// the library's package, which has no command line, that of an expunge-cli beside it. Plain JavaScript
// that Node 14 understands, because the Node that starts it may be any.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const ROOT = dirname(dirname(SELF))
const MANIFEST = 'package.json'

/** Sources need a Node that strips types and knows `using`; both need one with zstd and proxies. */
const NEEDED = {
  sources: [[24, 5]],
  built: [
    [22, 21],
    [24, 5],
  ],
}

/**
 * @param {string} version
 * @param {number[][]} oldest of each release line that will do, in ascending order
 */
function isNewEnough(version, oldest) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  const line = oldest.find(([one]) => one === major)
  return line ? minor >= line[1] : major > oldest[oldest.length - 1][0]
}

/** The Node that npm installed for this platform, in our own node_modules or a folder above. */
function findPinnedNode() {
  const require = createRequire(SELF)
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const target = `${platform}-${process.arch}`
  for (const name of [`node-${target}`, `node-bin-${target}`]) {
    try {
      const manifest = require.resolve(`${name}/package.json`)
      const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8'))
      const node = join(dirname(manifest), bin.node)
      if (isNewEnough(version, NEEDED.sources) && existsSync(node)) return node
    } catch {
      // Not installed: optional packages of other platforms never are.
    }
  }
  return null
}

/** In a clone the sources run as they are; packages ship them built. */
function findMain() {
  const sources = join(ROOT, 'src/cli/main.ts')
  if (existsSync(sources)) return { main: sources, root: ROOT, oldest: NEEDED.sources }
  const roots = [ROOT, findCommandLine()].filter((root) => root !== null)
  const root = roots.find((one) => existsSync(join(one, 'dist/cli/main.js')))
  return root ? { main: join(root, 'dist/cli/main.js'), root, oldest: NEEDED.built } : null
}

/** Where both packages are installed, npm, pnpm and yarn link the command of either. */
function findCommandLine() {
  // As it was called: pnpm keeps packages elsewhere, without those beside them.
  for (const from of [SELF, process.argv[1]]) {
    try {
      return dirname(createRequire(from).resolve(`expunge-cli/${MANIFEST}`))
    } catch {
      // Not here.
    }
  }
  return null
}

/** @param {string} root */
function versionOf(root) {
  return JSON.parse(readFileSync(join(root, MANIFEST), 'utf8')).version
}

/** @param {string} message */
function giveUp(message) {
  process.stderr.write(`expunge: ${message}\n`)
  process.exitCode = 2
}

/** @param {string} node */
function runUnder(node) {
  const child = spawn(node, [SELF, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends these to the child as well: passed on, one Ctrl-C would count as two. Without
  // a terminal they can only have been meant for us. SIGHUP may come twice and counts once.
  const fromTerminal = ['SIGINT', 'SIGQUIT']
  const isOnTerminal = hasTerminal()
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT']) {
    process.on(signal, () => {
      if (!isOnTerminal || !fromTerminal.includes(signal)) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    giveUp(`could not start ${node}: ${error.message}. ${advice(NEEDED.sources)}`)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // Whoever waits for us should see how it ended, not that a launcher was in between.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // Some signals do not end us: then as a shell would say it.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100)
  })
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** @param {number[][]} oldest */
function advice(oldest) {
  const versions = oldest.map((one) => one.join('.')).join(', ')
  return (
    `Node ${versions} or newer is needed, and this is ${process.version}. ` +
    'Install one from https://nodejs.org.'
  )
}

const [first] = process.argv.slice(2)
const found = findMain()
const isOld = found !== null && !isNewEnough(process.version, found.oldest)
const pinned = isOld ? findPinnedNode() : null
if (process.argv.length === 3 && (first === '--version' || first === '-V')) {
  console.log(versionOf(found === null ? ROOT : found.root))
} else if (found === null) {
  giveUp(
    'the command line is a package of its own. ' +
      'Run npx expunge-cli, or install it with: npm install --global expunge-cli',
  )
} else if (!isOld) {
  import(pathToFileURL(found.main).href).catch((error) => {
    // Out of the promise, so that Node reports it as any other crash.
    setImmediate(() => {
      throw error
    })
  })
} else if (pinned === null) {
  giveUp(advice(found.oldest))
} else {
  runUnder(pinned)
}
