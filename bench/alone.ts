import { execFile } from 'node:child_process'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Figures, Scope } from './table.ts'

const PROGRAM = fileURLToPath(new URL('alone-main.ts', import.meta.url))

/** Gets ready, and returns what is measured; that may add figures of its own. */
export type Prepare<A extends readonly unknown[]> = (
  scope: Scope,
  ...args: A
) => Promise<() => Promise<Figures>>

/** What every measurement gives. */
const figuresSchema = z
  .object({ 'wall s': z.number(), 'processor s': z.number(), 'peak MiB': z.number() })
  .catchall(z.union([z.number(), z.string()]))

/**
 * One measurement in a process of its own, so that its peak memory is its own and nothing that ran
 * before has compiled its code. `prepare` is found there as the export of that name.
 */
export async function alone<A extends readonly unknown[]>(
  module: string,
  { name }: Prepare<A>,
  ...args: A
): Promise<z.output<typeof figuresSchema>> {
  const { stdout } = await promisify(execFile)(execPath, [
    PROGRAM,
    module,
    name,
    JSON.stringify(args),
  ])
  return figuresSchema.parse(JSON.parse(stdout))
}
