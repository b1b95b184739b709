import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './sandbox-process.ts'

const BENCH = join(ROOT, 'bench')
const MODULES = join(BENCH, 'node_modules')
const VENV = join(MODULES, '.python')
const SIMPLE_SALESFORCE = 'simple-salesforce==1.12.10'

/** The folder of a package of bench/package.json, whether it is there or not. */
export const installed = (name: string): string => join(MODULES, name)

/** The interpreter that has simple-salesforce. */
export const PYTHON = join(VENV, 'bin/python3')

/** Installs the tools that Expunge is compared with, where they are not there yet. */
export async function installRivals(): Promise<void> {
  if (!existsSync(installed('jsforce'))) {
    await run('npm', ['--prefix', BENCH, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'])
  }
  if (existsSync(PYTHON)) return
  try {
    const made = `${VENV}.part`
    await run('python3', ['-m', 'venv', made])
    await run(join(made, 'bin/python3'), [
      '-m',
      'pip',
      'install',
      '--retries',
      '1',
      '--quiet',
      SIMPLE_SALESFORCE,
    ])
    await rename(made, VENV)
  } catch (error) {
    await rm(`${VENV}.part`, { recursive: true, force: true })
    console.error(`The tables have no row for simple-salesforce: ${error}`)
  }
}

export async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code]: (number | null)[] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}.`)
}
