/**
 * The process of `alone`: measures what the export of a module prepares, and prints its figures.
 *
 *   node bench/alone-main.ts MODULE EXPORT ARGUMENTS-AS-JSON
 */
import { argv, cpuUsage, resourceUsage } from 'node:process'
import { inReverse } from '../test/helpers/scope.ts'
import type { Prepare } from './alone.ts'

const [, , module = '', name = '', args = '[]'] = argv
const exported: Readonly<Record<string, Prepare<unknown[]>>> = await import(module)
const closers: (() => Promise<void>)[] = []
try {
  const scope = inReverse((close) => closers.push(close))
  const work = await exported[name]?.(scope, ...JSON.parse(args))
  if (work === undefined) throw new Error(`Expected an export of ${module}, got ${name}.`)
  const [begun, before] = [performance.now(), cpuUsage()]
  const own = await work()
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = cpuUsage(before)
  const figures = {
    'wall s': seconds,
    'processor s': (user + system) / 1e6,
    'peak MiB': Math.round(resourceUsage().maxRSS / 1024),
    ...own,
  }
  console.log(JSON.stringify(figures))
} finally {
  for (const close of closers) await close()
}
