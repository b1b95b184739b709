import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, eventually, run } from './run.ts'

const TOOLS = ['dockerd', 'docker-compose', 'mmdebstrap', 'iptables-save']
const BRIDGE = '/sys/class/net/docker0'
const FORWARDING = '/proc/sys/net/ipv4/ip_forward'

/** A Docker engine of the script's own. */
export interface Engine {
  /** What `docker` and `docker-compose` need in their environment. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/**
 * Starts an engine that keeps everything in `folder`, beside no other: two would fight over bridge
 * and packet filter. As it ends, both are as they were.
 */
export async function startEngine(folder: string): Promise<Engine> {
  await assertPossible()
  const rules = await run(['iptables-save'])
  const forwarding = await readFile(FORWARDING, 'utf8')
  const log = await open(join(folder, 'engine.log'), 'w')
  const socket = `unix://${join(folder, 'docker.sock')}`
  const child = spawn(
    'dockerd',
    [
      `--host=${socket}`,
      `--data-root=${join(folder, 'data')}`,
      `--exec-root=${join(folder, 'exec')}`,
      `--pidfile=${join(folder, 'engine.pid')}`,
    ],
    { stdio: ['ignore', log.fd, log.fd], detached: true },
  )
  const ended = once(child, 'close')
  const env = { DOCKER_HOST: socket }
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await log.close()
    if (existsSync(BRIDGE)) await run(['ip', 'link', 'delete', 'docker0'])
    await writeFile(join(folder, 'rules'), `${rules}\n`)
    await run(['iptables-restore', join(folder, 'rules')])
    await writeFile(FORWARDING, forwarding)
  }
  try {
    await eventually('the engine answers', 30, async () => {
      if (child.exitCode !== null)
        throw new Error(await readFile(join(folder, 'engine.log'), 'utf8'))
      return (await attempt(['docker', 'info'], { env })).code === 0 ? true : null
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { env, stop }
}

async function assertPossible(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('An engine of its own takes root.')
  if (existsSync(BRIDGE)) {
    throw new Error(
      'A Docker engine runs here, or left docker0 behind. This needs to be the only one.',
    )
  }
  const found = await Promise.all(TOOLS.map((tool) => attempt(['which', tool])))
  if (found.every(({ code }) => code === 0)) return
  throw new Error(
    `Needed: ${TOOLS.join(', ')}. On Debian:\n  apt-get install --no-install-recommends docker.io docker-compose mmdebstrap`,
  )
}
