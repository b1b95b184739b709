// Starts the whole deployment for real, and looks at it: node scripts/stack.ts (as root, on Debian)
//
// For machines that reach no registry of images: the engine is one of its own, started beside
// nothing else, and the base images are made here under the pinned names. Takes some minutes and
// 5 GB of disk; leaves nothing behind. No part of npm test.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { copyCheckout } from './stack/checkout.ts'
import {
  checkConfinement,
  checkDeletion,
  checkHandOver,
  checkNetworks,
  checkPrometheus,
  checkWaysIn,
} from './stack/checks.ts'
import { openStack, type Stack } from './stack/compose.ts'
import { apiOf } from './stack/deletions.ts'
import { type Engine, startEngine } from './stack/engine.ts'
import { makeImages } from './stack/images.ts'

const FIRST = 60_000
const SECOND = 200_000
const SERVICES = ['redis', 'producer', 'worker', 'sandbox', 'prometheus']

/** Small ingest jobs, so that several workers have something to do, and a slow Salesforce. */
const OVERRIDE = {
  version: '3.9',
  services: {
    worker: { environment: { EXPUNGE_MAX_JOB_RECORDS: '5000' } },
    sandbox: {
      command: 'sandbox --host 0.0.0.0 --port 8090 --rows-per-second 20000 --fail 0.01'.split(' '),
    },
  },
}

const folder = await mkdtemp(join(tmpdir(), 'expunge-stack-'))
const checkout = join(folder, 'expunge')
// What runs beneath is interrupted too, and fails: then all is taken down, as after any failure.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => say('Taking all down.'))
let engine: Engine | null = null
let stack: Stack | null = null
try {
  await copyCheckout(checkout)
  engine = await startEngine(folder)
  say('An engine of its own runs.')
  const others = await makeImages(await pinnedImages(), engine, folder)
  say('Base images are made, under the pinned names.')

  const [producerPort, prometheusPort] = [await freePort(), await freePort()]
  const ports = { PRODUCER_PORT: `${producerPort}`, PROMETHEUS_PORT: `${prometheusPort}` }
  await writeFile(join(checkout, 'override.json'), JSON.stringify(OVERRIDE))
  stack = await openStack(checkout, { ...engine.env, ...ports }, ['override.json'])
  await stack.compose('config', '--quiet')
  await stack.compose('build', 'producer')
  const size = await stack.docker('image', 'inspect', '--format', '{{.Size}}', 'expunge:0.1.0')
  const base = await stack.docker('image', 'inspect', '--format', '{{.Size}}', await nodeImage())
  say(`The image is built: ${megabytes(Number(size) - Number(base))} MB on top of its base.`)

  const key = await makeKey(stack)
  await makePassword()
  await stack.compose('up', '--detach', '--scale', 'worker=3', ...SERVICES)
  const all = await stack.healthy(120)
  say(`${all.length} containers run, ${all.filter(({ health }) => health).length} say healthy.`)

  say(await checkConfinement(stack))
  say(await checkWaysIn(stack))
  say(await checkNetworks(stack))
  const api = apiOf(`http://127.0.0.1:${producerPort}`, key)
  say(await checkDeletion(api, stack, FIRST))
  say(await checkPrometheus(`http://127.0.0.1:${prometheusPort}`, stack, FIRST))
  say(await checkHandOver(api, stack, SECOND))
  const begun = performance.now()
  await stack.compose('stop')
  const codes = (await stack.containers())
    .filter(({ service }) => service !== 'prometheus')
    .map(({ name, exitCode }) => [name, exitCode] as const)
  assert.deepEqual(
    codes.filter(([, code]) => code !== 0),
    [],
  )
  say(`All stopped within ${((performance.now() - begun) / 1000).toFixed(1)} s, with exit 0.`)
  say(`Not covered: ${others.join(', ')}; the real base images; Kubernetes; TLS; a real org.`)
} catch (error) {
  const logs = await stack?.compose('logs', '--tail', '20').catch(String)
  if (logs) console.error(logs)
  throw error
} finally {
  await stack?.compose('down', '--volumes', '--timeout', '15').catch(console.error)
  await engine?.stop()
  await rm(folder, { recursive: true, force: true })
}

function say(line: string): void {
  console.log(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}`)
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(0)
}

async function nodeImage(): Promise<string> {
  const dockerfile = await readFile(join(checkout, 'Dockerfile'), 'utf8')
  const [, image] = /^FROM (\S+)/m.exec(dockerfile) ?? []
  assert.ok(image)
  return image
}

async function pinnedImages(): Promise<readonly string[]> {
  const compose = await readFile(join(checkout, 'docker-compose.yml'), 'utf8')
  const images = compose.matchAll(/^ {4}image: (\S+)$/gm)
  return [await nodeImage(), ...[...images].map(([, image]) => image ?? '')]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z
    .object({ port: z.number() })
    .parse(server.address() satisfies AddressInfo | string | null)
  server.close()
  await once(server, 'close')
  return port
}

/** As docs/deployment.md tells it. */
async function makeKey({ docker }: Stack): Promise<string> {
  const flags = ['--roles', 'admin', '--org', '*', '--object', '*', '--json']
  const said = await docker('run', '--rm', 'expunge:0.1.0', 'key', 'me', ...flags)
  const { key, entry } = z.object({ key: z.string(), entry: z.unknown() }).parse(JSON.parse(said))
  await writeSecret('producer/keys.yaml', JSON.stringify(entry))
  return key
}

async function makePassword(): Promise<void> {
  await writeSecret('redis/url', `redis://:${randomBytes(32).toString('hex')}@redis:6379\n`)
}

async function writeSecret(name: string, content: string): Promise<void> {
  const file = join(checkout, 'deploy/compose/secrets', name)
  await writeFile(file, content)
  await chown(file, 1000, 1000)
  await chmod(file, 0o440)
}
