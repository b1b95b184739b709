#!/usr/bin/env node
// Finds a Node that can run Expunge, and runs it. Plain JavaScript that Node 14 understands,
// because the Node that starts it may be any: a system's own, older than what npm installed
// beside this package.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const ROOT = dirname(dirname(SELF))
const OLDEST = [24, 5]

/** @param {string} version */
function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
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
      if (isNewEnough(version) && existsSync(node)) return node
    } catch {
      // Not installed: optional packages of other platforms never are.
    }
  }
  return null
}

/** In a git checkout the sources run as they are; the package ships them built. */
function findMain() {
  const candidates = [join(ROOT, 'src/cli/main.ts'), join(ROOT, 'dist/cli/main.js')]
  return candidates.find((path) => existsSync(path)) || null
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
    giveUp(`could not start ${node}: ${error.message}. ${ADVICE}`)
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

const ADVICE =
  `Node ${OLDEST.join('.')} or later is needed, and this is ${process.version}. ` +
  'Install one from https://nodejs.org, or reinstall the package without --omit=optional.'

const main = findMain()
const pinned = isNewEnough(process.version) ? null : findPinnedNode()
if (main === null) {
  giveUp(`neither src/cli/main.ts nor dist/cli/main.js in ${ROOT}. Run npm run build.`)
} else if (isNewEnough(process.version)) {
  import(pathToFileURL(main).href).catch((error) => {
    // Out of the promise, so that Node reports it as any other crash.
    setImmediate(() => {
      throw error
    })
  })
} else if (pinned === null) {
  giveUp(ADVICE)
} else {
  runUnder(pinned)
}
