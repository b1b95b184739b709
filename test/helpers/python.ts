import { spawnSync } from 'node:child_process'

/** A Python that has these modules, by its path; else why a test that needs it is skipped. */
export function pythonWith(...modules: readonly string[]): { path: string } | { missing: string } {
  const imports = modules.map((name) => `import ${name}`).join('\n')
  // Debian's own comes first: its packages are not seen by one from elsewhere on the PATH.
  for (const path of ['/usr/bin/python3', 'python3']) {
    const { status } = spawnSync(path, ['-c', imports], { timeout: 30_000 })
    if (status === 0) return { path }
  }
  return { missing: `needs python3${modules.map((name) => ` with the module ${name}`).join('')}` }
}

/** Runs a program with JSON as its input and its output. */
export function runPython(path: string, program: string, input: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(path, ['-W', 'ignore', '-c', program], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new Error(`python3 ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
