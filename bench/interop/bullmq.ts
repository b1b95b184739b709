/**
 * Submits over the BullMQ door with several versions of BullMQ and Bull, and with what the Python
 * package writes, to workers of this checkout. Prints a table in Markdown.
 *
 *   npm --prefix bench/interop/bullmq install --ignore-scripts
 *   node bench/interop/bullmq.ts [name of a version, default all]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { argv, execPath } from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { ids18 } from '../../test/helpers/ids.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { inReverse } from '../../test/helpers/scope.ts'
import { startWorld } from '../../test/helpers/world.ts'

const FOLDER = new URL('bullmq/', import.meta.url)
const CLIENT = fileURLToPath(new URL('client.js', FOLDER))
/** More than a client's checks submit. */
const IDS = 60

const resultSchema = z.object({ check: z.string(), result: z.string() })
const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()) })

async function versions(): Promise<ReadonlyMap<string, string>> {
  const file = await readFile(new URL('package.json', FOLDER), 'utf8')
  const { dependencies } = packageSchema.parse(JSON.parse(file))
  const aliases = Object.entries(dependencies).filter(([, version]) => version.startsWith('npm:'))
  const named = aliases.map(([name, version]) => [name, version.slice('npm:'.length)] as const)
  return new Map([...named, ['python', 'what Python writes']])
}

async function tryWith(name: string): Promise<ReadonlyMap<string, string>> {
  const scope = inReverse((fn) => void closers.push(fn))
  const redis = await startRedis(scope)
  const world = await startWorld(scope, { redis })
  await world.startWorker()
  const args = [CLIENT, name, redis.url, world.org, ...ids18(IDS)]
  const child = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
  await Promise.all(closers.splice(0).map((close) => close()))
  const lines = stdout.split('\n').filter((line) => line !== '')
  const results = lines.map((line) => resultSchema.parse(JSON.parse(line)))
  return new Map(results.map(({ check, result }) => [check, result]))
}
const closers: (() => Promise<void>)[] = []

const [only] = argv.slice(2)
let isFirst = true
for (const [name, version] of await versions()) {
  if (only !== undefined && only !== name) continue
  const results = await tryWith(name)
  if (isFirst) {
    console.log(`| client | ${[...results.keys()].join(' | ')} |`)
    console.log(`|---|${'---|'.repeat(results.size)}`)
    isFirst = false
  }
  console.log(`| ${version} | ${[...results.values()].join(' | ')} |`)
}
