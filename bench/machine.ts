import { readFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { version } from 'node:process'
import { z } from 'zod'
import { server } from '../test/helpers/redis.ts'
import { installed } from './rivals.ts'
import { ROOT } from './sandbox-process.ts'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  /** Of what was measured and what it ran on; a tool that is not installed is left out. */
  readonly versions: Readonly<Record<string, string>>
}

const packageSchema = z.object({ version: z.string() })

export async function thisMachine(): Promise<Machine> {
  const [first, ...others] = cpus()
  const { kind, version: redis } = await server()
  const packages = {
    expunge: ROOT,
    jsforce: installed('jsforce'),
    '@salesforce/cli': installed('@salesforce/cli'),
  }
  const versions: Record<string, string> = {
    node: version.slice(1),
    [kind]: redis,
  }
  for (const [name, folder] of Object.entries(packages)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => null)
    if (text !== null) versions[name] = packageSchema.parse(JSON.parse(text)).version
  }
  return {
    processor: first?.model ?? 'unknown',
    cores: others.length + 1,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions,
  }
}
