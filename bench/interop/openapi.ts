/**
 * Generates clients from the OpenAPI document with generators of others, compiles them strictly, and
 * lets each submit JSON, upload a CSV and look at it; and asks validators of others for their verdict.
 * Prints a table in Markdown.
 *
 *   npm --prefix bench/interop/openapi install --ignore-scripts
 *   node bench/interop/openapi.ts [name of a package, default all]
 */
import { execFileSync, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { argv, execPath } from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { ids18 } from '../../test/helpers/ids.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { inReverse } from '../../test/helpers/scope.ts'
import { startWorld } from '../../test/helpers/world.ts'
import { startApi } from '../../test/producer/http/api.ts'

const FOLDER = new URL('openapi/', import.meta.url)
const CLIENT = fileURLToPath(new URL('client.js', FOLDER))

const closers: (() => Promise<void>)[] = []
const scope = inReverse((fn) => void closers.push(fn))
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const api = await startApi(scope, world, { redis })

const names = z.array(z.string()).parse(JSON.parse(String(execFileSync(execPath, [CLIENT]))))
const { dependencies } = z
  .object({ dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(await readFile(new URL('package.json', FOLDER), 'utf8')))

const [only] = argv.slice(2)
console.log('| package | version | result |\n|---|---|---|')
for (const name of names) {
  if (only !== undefined && only !== name) continue
  const args = [CLIENT, name, api.url, world.org, ...ids18(3)]
  const child = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const result = await text(child.stdout)
  console.log(`| ${name} | ${dependencies[name]} | ${result.trim()} |`)
}
await Promise.all(closers.map((close) => close()))
